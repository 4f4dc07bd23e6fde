"""What runs in real time is no danger to what does not; in a process of its own."""

import json
import subprocess
import sys

CODE = """
import json, os, sys, threading, time
from autonomy_interfaces.priority import run_in_real_time

def schedule(): return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK

resting = threading.Event()
before = threading.Thread(target=resting.wait)
before.start()
answer = {"allowed": run_in_real_time(1)}
answer["main"] = schedule()
answer["before"] = os.sched_getscheduler(before.native_id)
resting.set()
later = []
thread = threading.Thread(target=lambda: later.append(schedule()))
thread.start()
thread.join()
answer["later"] = later[0]
deadline = time.monotonic() + 20.0
while schedule() != os.SCHED_OTHER and time.monotonic() < deadline:
    pass
answer["busy"] = schedule()
print(json.dumps(answer))
"""


def test_only_what_waits_runs_in_real_time_and_not_for_ever():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    answer = json.loads(run.stdout)
    other, fifo = 0, 1
    # Where the system does not allow it, nothing changes.
    assert answer["main"] == (fifo if answer["allowed"] else other)
    assert answer["before"] == answer["later"] == answer["busy"] == other
