"""Notice a new champion: python watch_champion.py http://127.0.0.1:5000 digits"""

import sys
import time

import mlflow

uri, name = sys.argv[1:]
client = mlflow.MlflowClient(uri)
known = None
while True:
    champion = client.get_registered_model(name).aliases.get("champion")
    if champion != known:
        print(f"champion is models:/{name}/{champion}", flush=True)  # here: load it, and serve it from now on
        known = champion
    time.sleep(5)
