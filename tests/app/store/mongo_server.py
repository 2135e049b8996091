"""A MongoDB-compatible server as its own process: `python mongo_server.py STORAGE PORT OPTIONS`, OPTIONS as JSON.

Writes one line when it listens, and ends with its standard input, so that it never outlives the tests.
"""

import json
import sys

from secantus import SecantusDBServer

storage, port, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
server = SecantusDBServer("127.0.0.1", port, storage, **options)
server.start()
sys.stdout.write("listening\n")
sys.stdout.flush()
sys.stdin.read()
server.stop()
