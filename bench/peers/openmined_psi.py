"""The peer of `psi`: OpenMined's PSI (PyPI: openmined-psi) on the same items, one JSON object on standard output.

Arguments: file with the asker's items, file with the holder's items, one a line.
"""

import json
import resource
import sys
import time

import private_set_intersection.python as psi


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().split("\n")


def main():
    asked, held = lines(sys.argv[1]), lines(sys.argv[2])
    steps = {}

    def step(name, work):
        begin = time.process_time()
        out = work()
        steps[name] = time.process_time() - begin
        return out

    client = psi.client.CreateWithNewKey(True)
    server = psi.server.CreateWithNewKey(True)
    # The same chance of a wrong match over the whole session as ours has: 2^-40 for each item asked.
    chance = len(asked) * 2.0**-40
    setup = step("prepare", lambda: server.CreateSetupMessage(chance, len(asked), held, psi.DataStructure.GCS))
    request = step("question", lambda: client.CreateRequest(asked))
    response = step("answer", lambda: server.ProcessRequest(request))
    found = step("finish", lambda: client.GetIntersection(setup, response))
    sizes = [len(m.SerializeToString()) for m in (setup, request, response)]
    print(
        json.dumps(
            {
                "version": psi.__version__,
                "steps": steps,
                "cpu": sum(steps.values()),
                "bytes": sum(sizes),
                "found": len(found),
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
