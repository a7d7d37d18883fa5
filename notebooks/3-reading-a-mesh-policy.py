# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3 · Reading a canary and a mesh policy
#
# In a service mesh the resilience of a service stands in YAML: a `VirtualService` says where requests go and how often they are tried, a
# `DestinationRule` says how hosts are chosen, limited and ejected. It *looks* like protection. In this notebook you read one such policy line by line,
# and then let it face a bad day.

# %%
import pathlib

import brownout
import matplotlib.pyplot as plt
import pandas as pd

policy = pathlib.Path("../models/istio/order-service.yaml").read_text()
print(policy)

# %% [markdown]
# ## Line by line
#
# | field | what it says |
# |---|---|
# | `match.headers.user-tier: premium` | Routes are tried in order; the first whose match fits is taken. Premium shoppers get their own. |
# | `route … subset: v2, weight: 90` | The **canary**: nine requests of ten go to version 2, one to version 1. Weights are shares of *requests*, not of pods. |
# | `timeout: 5s` | For the whole request, all retries included. |
# | `retries.attempts: 3` | *After* the first try, so four in all. |
# | `retries.perTryTimeout: 2s` | Each try. Three of them would already exceed the 5 s above. |
# | `retries.retryOn` | **Not there.** Istio's default then retries refused connections and streams, and no answer of 500 or 503. |
# | `connectionPool.http.maxRequestsPerConnection: 2` | After two requests a connection is closed; every other request pays for a new one. |
# | `outlierDetection.consecutiveErrors: 5` | Ignored since Istio 1.7. What holds is `consecutive5xxErrors`, whose default is 5 as well. |
# | `outlierDetection.maxEjectionPercent` | **Not there.** The default is 10 %, and 10 % of three pods is no pod. |
#
# You need not know all this by heart. `brownout check --explain` tells it with the line that each value comes from, or whose default it is:

# %%
told = brownout.explain("order-mesh", "order-service").splitlines()
begin = next(number for number, line in enumerate(told) if "route 2" in line)
end = next(number for number, line in enumerate(told) if "the network" in line)
print("\n".join(told[begin:end]))

# %% [markdown]
# Look at two lines of it: `retryOn` ends with *default of Istio*, and `ejected at most: 0 of 3 hosts (the limit never lets one go)`.
#
# ## A bad day
#
# [`models/order-mesh.yaml`](../models/order-mesh.yaml) takes that policy as it is. At 60 s one pod of three of version 2 begins to answer 503 to everything, for a
# minute. At 150 s all pods of version 2 are slow for half a minute.

# %%
VARIANTS = {"as written": None, "retries on 5xx": "retrying", "may eject half": "ejecting"}
LOOKS = [("#d55e00", "-"), ("#0072b2", "--"), ("#009e73", "-.")]
runs = {name: brownout.run("order-mesh", variant=variant) for name, variant in VARIANTS.items()}

figure, axes = plt.subplots(figsize=(8, 3.2))
for name, begin, end in runs["as written"].faults():
    axes.axvspan(begin, end, color="0.88")
    axes.annotate(name, ((begin + end) / 2, 3), ha="center", color="0.35")
for (name, run), (colour, style) in zip(runs.items(), LOOKS):
    failed = run.windows("client", "shoppers", "failed").rolling(5).mean().loc[:239]
    axes.plot(failed, color=colour, linestyle=style, label=name)
axes.set(xlabel="simulated seconds", ylabel="failed requests/s", title="One bad pod of three")
axes.legend()
plt.show()

# %%
served = pd.Series({name: run.summary["clients"]["shoppers"]["successRate"] for name, run in runs.items()}, name="served")
assert served["as written"] < 0.92
assert served["may eject half"] > 0.999
assert served["retries on 5xx"] == 1
served.map("{:.2%}".format).to_frame()

# %% [markdown]
# As written the policy did **nothing** about the bad pod. The two repairs work in different ways. Retrying hides the failures from the
# shoppers, and does some of the work twice. Ejecting takes the pod out after five errors in a row, so somebody has seen those five.

# %%
edges = {name: run.summary["calls"]["gateway.checkout -> order-service.place"] for name, run in runs.items()}
pd.DataFrame({
    "attempts per request": {name: round(edge["amplification"], 3) for name, edge in edges.items()},
    "ejections": {name: edge["ejections"] for name, edge in edges.items()},
    "p99, s": {name: round(run.summary["clients"]["shoppers"]["latency"]["p99"], 3) for name, run in runs.items()},
})

# %% [markdown]
# ## How large must the limit be?
#
# Three pods. Which `maxEjectionPercent` lets one of them go? Any value of a manifest can be set from outside:

# %%
LIMIT = "mesh.DestinationRule/production/order-service.spec.trafficPolicy.outlierDetection.maxEjectionPercent"
limits = {percent: brownout.run("order-mesh", set={LIMIT: percent}).summary["clients"]["shoppers"]["successRate"] for percent in (10, 33, 34, 50)}
assert limits[10] == limits[33] and limits[34] == limits[50] and limits[34] > limits[33]
pd.Series(limits, name="served").rename_axis("maxEjectionPercent").map("{:.2%}".format).to_frame()

# %% [markdown]
# One of three is 33.3 %: a limit of 33 is never reached by whole pods, one of 34 is.
#
# ## Two timeouts that do not fit each other
#
# The second trap needs two policies. In Istio's sample application *Bookinfo* the product page gives the reviews 3 s and tries twice; the reviews
# give the ratings 10 s (version 2) or 2.5 s (version 3). For one user, jason, the ratings are 7 s late: a fault that the mesh injects by this rule.

# %%
print(pathlib.Path("../models/istio/bookinfo-ratings-delay.yaml").read_text())

# %%
late = {version: brownout.run("bookinfo", variant=variant) for version, variant in (("v2: 10 s for the ratings", None), ("v3: 2.5 s for the ratings", "jasonDelayV3"))}
waits = pd.DataFrame({
    version: {f"{client}, p50": run.summary["clients"][client]["latency"]["p50"] for client in ("jason", "visitors")}
    for version, run in late.items()
}).round(3)
assert abs(waits.loc["jason, p50"].iloc[0] - 6) < 0.1, "the page gives up twice after 3 s"
assert abs(waits.loc["jason, p50"].iloc[1] - 2.5) < 0.1
waits

# %% [markdown]
# The reviews of version 2 would have been in time by their own measure (7 s < 10 s). But whoever asked them had gone after 3 s, and asked again.
# jason waits 6 s for a page **without reviews**. With 2.5 s for the ratings he has his reviews, without stars, in 2.5 s.
#
# > An outer timeout must be longer than what it wraps, with all its retries.
#
# ## Exercise
#
# In the policy above a try may take 2 s, four tries are allowed, and the request has 5 s. How many tries can a premium shopper (10 s, 3 s each) get at most if every
# try is cut? Check your answer with `retryOn: "5xx,reset,connect-failure"` while the pods of version 2 are slow: set
# `faults.slow.slow.factor` to `1000` and look at the attempts per request. The next cell makes a start.

# %%
slow = brownout.run("order-mesh", variant="retrying", set={"faults.slow.slow.factor": 1000})
while_slow = slow.windows("call", "gateway.checkout -> order-service.place", "amplification").loc[150:180]
while_slow.describe().round(2).to_frame()
