#!/bin/bash
#SBATCH --job-name=textgen
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=02:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

# The job's folder is on a file system that all nodes share. For GPUs, add --gpus-per-node=8 above;
# one task on each node then uses all of them.
code=0
srun textgen train book.txt --run book --minutes 60 --resume-or-start || code=$?

# 75: a process was lost. 137: one was killed. 143: the time of the job is nearly over.
case $code in
75 | 137 | 143)
    if [ "${SLURM_RESTART_COUNT:-0}" -lt 10 ]; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    ;;
esac
exit "$code"
