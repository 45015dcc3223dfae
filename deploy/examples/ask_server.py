"""16 images from `mlflow models serve -m models:/digits@champion --env-manager local --port 5001`, as PNG files."""

import base64
import json
import urllib.request
from pathlib import Path

question = json.dumps({"dataframe_records": [{"num_images": 16, "seed": 0}]}).encode()
request = urllib.request.Request(
    "http://127.0.0.1:5001/invocations", question, headers={"Content-Type": "application/json"}
)
for number, row in enumerate(json.load(urllib.request.urlopen(request))["predictions"]):
    Path(f"{number}.png").write_bytes(base64.b64decode(row["image"]))
