#!/bin/bash
# Run this on the first host of hosts.txt, which has a line for each host. Its folder is shared.
# Without --bind-to none, mpirun gives a process one core or two.
for attempt in 1 2 3 4 5; do
    echo "attempt $attempt"
    code=0
    mpirun --hostfile hosts.txt -N 1 --bind-to none \
        textgen train book.txt --run book --minutes 60 --resume-or-start || code=$?
    # 75: a process was lost. 137: one was killed.
    case $code in
    75 | 137) ;;
    *) exit "$code" ;;
    esac
done
exit "$code"
