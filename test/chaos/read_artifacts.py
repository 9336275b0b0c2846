"""Reads the artifacts whose URIs stand on standard input, one a line, and prints a JSON line for each: what the ledger
algorithm wrote into it. The platform's own reader opens them, so one that was not committed is an error.
"""

import json
import sys

from celeriac.artifacts.tables import TableArtifact

for line in sys.stdin:
    uri = line.strip()
    try:
        row = TableArtifact(uri).read().to_pylist()[0]
        print(json.dumps({"uri": uri, **row, "read": json.loads(row["read"])}))
    except Exception as problem:
        print(json.dumps({"uri": uri, "problem": f"{type(problem).__name__}: {problem}"}))
