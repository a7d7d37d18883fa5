# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · Retries: budget against storm
#
# A retry is selfish. It helps whoever retries, and costs whoever is asked. As long as failures are rare and independent, that is a
# bargain. When everybody fails at once, it is how a system stays down.
#
# In this notebook you will measure both, and hold the simulator to **published numbers**: each part ends with assertions, so if brownout
# computed something else, this notebook would not run.

# %%
import brownout
import matplotlib.pyplot as plt
import pandas as pd

# Told apart by everybody, and in grey.
LOOKS = [("#d55e00", "-"), ("#0072b2", "--"), ("#009e73", "-."), ("#000000", ":"), ("#cc79a7", (0, (5, 1)))]

# %% [markdown]
# ## Layers multiply
#
# If each layer makes *n* attempts, three layers make *n³* of them. Google's SRE book (chapter 22) has the example of 64 = 4³; the Amazon
# Builders' Library ("Timeouts, retries, and backoff with jitter") the one of 243 = 3⁵. The database in
# [`layered-retries`](../models/layered-retries.yaml) answers nobody:

# %%
layers = brownout.compare("layered-retries", seeds=2, set={"duration": "20m"})
per_request = layers.side_by_side(queries="services.database.requests", requests="clients.users.offered")
per_request["queries per request"] = per_request["queries"] / per_request["requests"]
per_request

# %%
amplification = per_request["queries per request"]
assert amplification["model"] == 4, "retries on one layer only"
assert amplification["sre64"] == 64 and amplification["deep81"] == 81 and amplification["builders243"] == 243
assert abs(amplification["budgets"] - 1.1**3) < 0.02, "one retry for ten calls, on each of three layers"

# %% [markdown]
# These are equalities: no tolerance. With a *budget* on each layer (one retry for every ten calls) the product is 1.1³ ≈ 1.33.
#
# If the database fails only now and then, a request ends at its first success. With a share *p* of failures and 64 possible
# attempts, (1 − p⁶⁴)/(1 − p) are expected:

# %%
rows = []
for p in (0.1, 0.5, 0.9):
    run = brownout.run("layered-retries", variant="sre64", set={
        "services.database.endpoints.get": f"[{{work: 1ms}}, {{fail: {{status: 500, share: {p:.0%}}}}}]",
        "clients.users.arrivals": "constant(50/s)",
        "duration": "4m",
    })
    measured = run.summary["services"]["database"]["requests"] / run.summary["clients"]["users"]["offered"]
    rows.append({"p": p, "measured": measured, "expected": (1 - p**64) / (1 - p)})
by_chance = pd.DataFrame(rows).set_index("p")
assert (abs(by_chance.measured / by_chance.expected - 1) < 0.04).all()
by_chance.round(3)

# %% [markdown]
# ## A storm that outlives its cause
#
# A database can answer 300 queries a second and gets 280. Every query without an answer within a second is asked once more. For ten
# seconds the network is down.
#
# The example is the first one of *Metastable Failures in Distributed Systems* (Bronson, Aghayev, Charapko and Zhu, HotOS 2021). Its arithmetic:
# with one retry each, 560 queries a second arrive, more than 300, so the queue grows and every answer is late, **for ever**. Below
# 300/2 = 150 a second the storm cannot stay.

# %%
VARIANTS = {"as it is": None, "no retries": "noRetry", "a wait before the retry": "backoff", "a retry budget": "budget"}
storm = {name: brownout.run("retry-storm", variant=variant) for name, variant in VARIANTS.items()}

figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5.5), sharex=True)
for axes in (above, below):
    axes.axvspan(30, 40, color="0.88", label="no network")
for (name, run), (colour, style) in zip(storm.items(), LOOKS):
    above.plot(run.windows("call", "app -> database.query", "attempts").rolling(5).mean(), color=colour, linestyle=style, label=name)
    below.plot(run.goodput("app").rolling(5).mean(), color=colour, linestyle=style, label=name)
above.axhline(300, color="0.5", linewidth=0.8)
above.annotate("what the database can do", (300, 300), ha="right", va="bottom", color="0.35", fontsize=8)
above.set(ylabel="attempts/s", ylim=(0, 700))
below.set(ylabel="goodput, answers/s", ylim=(0, None), xlabel="simulated seconds")
above.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
plt.tight_layout()
plt.show()

# %%
def at_the_end(run):
    return run.goodput("app").loc[280:298].mean()


ends = {name: at_the_end(run) for name, run in storm.items()}
attempts = storm["as it is"].windows("call", "app -> database.query", "attempts").loc[100:298].mean()
print(f"attempts in the storm: {attempts:.0f}/s (the paper: 560)")
for name, goodput in ends.items():
    print(f"{name:25} {goodput:5.0f}/s at the end")

assert abs(attempts - 560) < 10
assert ends["as it is"] < 1 and ends["a wait before the retry"] < 1
assert ends["no retries"] > 270 and ends["a retry budget"] > 270

# %% [markdown]
# A wait before the retry does not help: it moves the second attempt to later, and there are still two. What helps is **fewer attempts
# when nothing succeeds**, and that is what a budget is. It costs next to nothing on a good day.
#
# The hidden capacity, 150 a second, can be seen too. The same outage, at other loads:

# %%
edge = {}
for load in (120, 140, 160, 200):
    run = brownout.run("retry-storm", set={"clients.app.arrivals": f"poisson({load}/s)"})
    edge[load] = at_the_end(run) / run.windows("client", "app", "offered").loc[280:298].mean()
print({load: f"{share:.0%} served at the end" for load, share in edge.items()})
assert edge[120] > 0.95 and edge[140] > 0.9, "below 150: it heals"
assert edge[160] < 0.05 and edge[200] < 0.05, "above: it stays"

# %% [markdown]
# ## What a budget costs
#
# Marc Brooker ("Fixing retries with token buckets and circuit breakers", 2022) compared strategies for a service that fails by chance:
# without retries, with three, and with a token bucket that each call fills by a tenth and each retry empties by one.
# [`models/retry-strategies.yaml`](models/retry-strategies.yaml) is his set-up. His figures, recomputed with the code he published:

# %%
PUBLISHED = pd.DataFrame(
    [("noRetry", 0.05, 0.9501, 1.0), ("noRetry", 0.2, 0.8008, 1.0), ("noRetry", 0.5, 0.4977, 1.0),
     ("model", 0.05, 1.0000, 1.0506), ("model", 0.2, 0.9983, 1.2489), ("model", 0.5, 0.9372, 1.8775),
     ("bucket", 0.05, 0.9999, 1.0525), ("bucket", 0.2, 0.8832, 1.1035), ("bucket", 0.5, 0.5515, 1.1042)],
    columns=["variant", "p", "success", "load"],
).set_index(["variant", "p"])

rows = []
for p in (0.05, 0.2, 0.5):
    compared = brownout.compare("retry-strategies", seeds=3,
                                set={"services.service.endpoints.get": f"[{{fail: {{status: 500, share: {p:.0%}}}}}]"})
    means = compared.side_by_side(success="clients.callers.successRate", load=brownout.call_figure("callers -> service.get", "amplification"))
    rows += [{"variant": variant, "p": p, **figures} for variant, figures in means.iterrows()]
strategies = pd.DataFrame(rows).set_index(["variant", "p"])
worst = (strategies - PUBLISHED).abs().max()
print("largest differences:", worst.round(4).to_dict())
assert (worst < 0.005).all()
strategies.join(PUBLISHED.add_suffix(" published")).sort_index().round(4)

# %% [markdown]
# At 5 % failures the budget is as good as three retries. At 50 % it sends 1.10 attempts per request and not 1.88: it stops helping exactly when
# helping would hurt.
#
# ## When to ask again
#
# If many want the same thing at the same time, *when* they ask again decides. In "Exponential Backoff And Jitter" (Brooker, AWS Architecture
# Blog, 2015) *N* writers want to update one row, each until it succeeds. The figures are mean numbers of calls by his simulator's rules
# (100 runs). brownout has no row with a version; [`models/contended-row.yaml`](models/contended-row.yaml) says what stands in its place.

# %%
NAMES = {"none": "None", "model": "Exponential", "decorrelated": "Decorrelated", "equalJitter": "Equal jitter", "fullJitter": "Full jitter"}
CALLS = pd.DataFrame(
    {"None": [51.6, 690, 2425, 8012], "Exponential": [51.0, 619, 1846, 5157], "Decorrelated": [37.9, 374, 1001, 2436],
     "Equal jitter": [42.2, 346, 812, 1760], "Full jitter": [39.2, 333, 796, 1774]},
    index=pd.Index([10, 50, 100, 190], name="writers"),
)
calls, seconds = {}, {}
for writers in CALLS.index:
    compared = brownout.compare("contended-row", seeds=20, set={"clients.writers.users": writers})
    means = compared.side_by_side(calls=brownout.call_figure("writers -> row.update", "attempts"), seconds="clients.writers.latency.max")
    calls[writers], seconds[writers] = means["calls"].rename(NAMES), means["seconds"].rename(NAMES)
calls = pd.DataFrame(calls).T[CALLS.columns]
seconds = pd.DataFrame(seconds).T[CALLS.columns]

figure, axes = plt.subplots(figsize=(8, 4))
for name, (colour, style) in zip(calls, LOOKS):
    axes.plot(calls.index, calls[name], color=colour, linestyle=style, label=name)
    axes.plot(CALLS.index, CALLS[name], "o", color=colour, markerfacecolor="none")
axes.set(xlabel="writers", ylabel="calls until all have succeeded", title="Lines: brownout; circles: published rules")
axes.legend(fontsize=8)
plt.show()

# %%
ratio = calls / CALLS
assert (abs(ratio[["Equal jitter", "Full jitter"]] - 1) < 0.03).all(axis=None)
assert (abs(ratio["Decorrelated"] - 1) < 0.06).all()
assert (abs(ratio[["None", "Exponential"]] - 1) < 0.2).all(axis=None), "without jitter it matters who wins among those who come together"
many = calls.loc[190]
assert many["None"] > many["Exponential"] > many["Decorrelated"] > many["Full jitter"]
took = seconds.loc[190]
assert took["Exponential"] > 5 * took["Equal jitter"] and took["Equal jitter"] > took["Full jitter"] > took["None"]
pd.DataFrame({"calls": many.round(0), "published": CALLS.loc[190], "seconds until all are done": took.round(1)})

# %% [markdown]
# Without jitter those who collided once collide again: exponential back-off alone makes three times as many calls as with full jitter, and
# takes fourteen times as long. With jitter, calls grow in proportion to *N*; without any back-off with *N²*.
#
# ## Exercise
#
# `retry-storm` has more variants: `boundedQueue`, `maxWait`, `lifo`, `cancellation`, `breaker`, `halfLoad`. Which of them protect the
# *database*, which the *callers*? Sort them by how long goodput needs to come back, and explain why LIFO is so quick. The next cell makes a start.

# %%
lifo = brownout.run("retry-storm", variant="lifo")
back = lifo.goodput("app").rolling(5).mean().loc[40:]
print(f"lifo: back above 250/s at {back[back > 250].index[0]:.0f} s")
