#!/bin/sh
# Without a token from the control plane the server would make up one that nobody knows.
: "${JUPYTER_TOKEN:?the token that the server asks for}"
exec jupyter-lab "$@"
