"""What runs inside the local model's process: llama.cpp's own HTTP server. Imported for its
constants too, so the wheel is only imported when it is run.
"""

import importlib
import os
import sys

LOCAL_MODEL = "smollm2-135m"
IN_FLIGHT = 4  # calls answered at once; each has a context of CONTEXT tokens
CONTEXT = 2048
THREADS_HTTP = 12
ONLY_ERRORS = 1
CACHE_MIB = 64


def main(model_path: str, key: str) -> None:
    """Serve until the standard input closes. Prints one line when the model is loaded."""
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = model_path
    params.model_alias = {LOCAL_MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_parallel = IN_FLIGHT
    params.n_ctx = CONTEXT * IN_FLIGHT
    params.cpuparams.n_threads = min(os.cpu_count() or 1, 8)
    params.n_threads_http = THREADS_HTTP
    params.cache_ram_mib = CACHE_MIB
    params.verbosity = ONLY_ERRORS
    params.ui = False
    params.endpoint_slots = True
    server = llama.Server(params)  # returns when it listens
    sys.stdout.write(f"local model listening on {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # its threads may be in the middle of an answer that nobody waits for


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.readline().strip())
