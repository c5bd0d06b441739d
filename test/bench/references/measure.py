"""
Runs a command and says what the kernel counted of it, when it has ended: wall time, processor time of it and all it
started, and the greatest resident memory of any one of them.

    python3 measure.py COMMAND ARGUMENT...

Standard input and output are the command's; the counts go to file descriptor 3 as one JSON object.

See getrusage(2), RUSAGE_CHILDREN.
"""
import json
import os
import resource
import signal
import subprocess
import sys
import time

started = time.perf_counter()
child = subprocess.Popen(sys.argv[1:])
# Whoever ends this ends the command.
signal.signal(signal.SIGTERM, lambda *_: child.kill())
code = child.wait()
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
counts = {
    "seconds": seconds,
    "cpu_seconds": used.ru_utime + used.ru_stime,
    "peak_mb": used.ru_maxrss * 1024 / 1e6,
}
os.write(3, json.dumps(counts).encode())
sys.exit(code if code >= 0 else 128 - code)
