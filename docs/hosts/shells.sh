#!/bin/bash
# Run this on each host with its own number: bash shells.sh 0 on node1, bash shells.sh 1 on node2.
export JAX_COORDINATOR_ADDRESS=node1:61440
export JAX_NUM_PROCESSES=2
export JAX_PROCESS_ID=$1
textgen train /shared/book.txt --run /shared/book --minutes 60 --resume-or-start
