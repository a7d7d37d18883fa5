"""The scenario mm1 on SimPy: a client, a server with one worker and a queue, exponential links both ways, and a timeout of
5 s that every request waits for as an alternative. Prints the processor's time per request and the mean response.

    pip install simpy==4.1.2 && python mm1_simpy.py 100000
"""

import random
import sys
import time

import simpy

GAP, WORK, LINK, TIMEOUT = 1 / 800, 0.001, 0.0002, 5.0


def request(env, server, rng, seen):
    began = env.now
    answer = env.process(attempt(env, server, rng))
    yield answer | env.timeout(TIMEOUT)
    seen[0] += 1
    seen[1] += env.now - began


def attempt(env, server, rng):
    yield env.timeout(rng.expovariate(1 / LINK))
    with server.request() as turn:
        yield turn
        yield env.timeout(rng.expovariate(1 / WORK))
    yield env.timeout(rng.expovariate(1 / LINK))


def arrivals(env, server, rng, requests, seen):
    for _ in range(requests):
        yield env.timeout(rng.expovariate(1 / GAP))
        env.process(request(env, server, rng, seen))


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    env, rng, seen = simpy.Environment(), random.Random(1), [0, 0.0]
    server = simpy.Resource(env, capacity=1)
    env.process(arrivals(env, server, rng, requests, seen))
    began = time.process_time_ns()
    env.run()
    took = time.process_time_ns() - began
    print(f"simpy requests={seen[0]} mean_ms={seen[1] / seen[0] * 1e3:.4f} ns_per_request={took // seen[0]}")


if __name__ == "__main__":
    main()
