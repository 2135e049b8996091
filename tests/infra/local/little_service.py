"""A tiny HTTP service for the tests of `infra.local`, with the ways to misbehave that real ones have.

`python little_service.py PORT [MODE]`; it is run as a program of its own, so it imports nothing of the project.
"""

import http.server
import os
import signal
import subprocess
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (
            f"{os.getpid()} {os.environ.get('COLOUR', '')} {os.environ.get('PULUMI_CONFIG_PASSPHRASE', '-')}".encode()
        )
        self.send_response(503 if mode == "unhealthy" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        return


port = int(sys.argv[1])
mode = sys.argv[2] if len(sys.argv) > 2 else "plain"
if mode == "crash":
    print("about to fail")
    raise RuntimeError("the database password is missing")
if mode == "slow":
    time.sleep(1.0)
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"child {child.pid}", flush=True)
if mode == "idle":
    print("waiting for a peer that never comes", flush=True)
    time.sleep(600)
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
if mode == "chatty":
    for number in range(4000):
        print(f"line {number:06d} " + "x" * 100)
    sys.stdout.flush()
print("serving", flush=True)
server.serve_forever()
