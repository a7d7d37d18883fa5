# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Your first cascade
#
# A shop has a gateway, an order service, a catalogue, an inventory and a customer service, each with a database. One morning the
# **inventory's database becomes slow**: it still answers, but takes a hundred times as long. Nothing crashes.
#
# How much of the shop goes down? You will run that morning twice: once without any protection, once with the patterns that every
# guide recommends (timeouts, retries, circuit breakers, bulkheads, fallbacks).
#
# The model is [`models/order-system.yaml`](../models/order-system.yaml). It says who calls whom, how long things take and what goes wrong.
# Have a look at it before you go on: it is written to be read.

# %%
import brownout
import matplotlib.pyplot as plt

protected = brownout.run("order-system")
naive = brownout.run("order-system", variant="naive")

# %% [markdown]
# ## What the shoppers noticed
#
# *Goodput* is what they came for: answers per second that were of use to them, in full or by a fallback. The grey band is the
# time in which the database is slow.

# %%
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody, and in grey


def beneath(axes, run):
    """The run's faults as bands behind a figure."""
    for name, begin, end in run.faults():
        axes.axvspan(begin, end, color="0.88", label=name)
    axes.set_xlabel("simulated seconds")


figure, axes = plt.subplots(figsize=(8, 3))
beneath(axes, naive)
for name, run, colour, style in (("naive", naive, ORANGE, "--"), ("protected", protected, BLUE, "-")):
    axes.plot(run.goodput("shoppers").rolling(5).mean().loc[:299], style, color=colour, label=name)
axes.set(ylabel="goodput, answers/s", xlim=(0, 300), ylim=(0, None), title="The same morning, twice")
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# Two things are worth a second look in the naive run.
#
# - **It takes everything.** Two shoppers of five only browse, and browsing never touches the inventory. They are hit all the same.
# - **It outlasts its cause.** The database is well again at 160 s, and the shop is not.

# %%
for name, run in (("naive", naive), ("protected", protected)):
    shoppers = run.summary["clients"]["shoppers"]
    print(f"{name:10} {shoppers['successRate']:.1%} of the requests served, p99 {shoppers['latency']['p99']:.2f} s")

assert naive.summary["clients"]["shoppers"]["successRate"] < 0.8
assert protected.summary["clients"]["shoppers"]["successRate"] > 0.99

# %% [markdown]
# ## Where they waited
#
# A worker (a thread) is held while it waits for an answer. When the database is slow, the inventory's workers wait for it, and all
# workers of the orders wait for the inventory (which has more of them, so a quarter of its own is left: there is nobody who could ask for more);
# then all of the gateway wait for the orders. Whoever comes then stands in a queue.

# %%
TIERS = ["inventory-db", "inventory", "orders", "gateway"]

figure, rows = plt.subplots(len(TIERS), 1, figsize=(8, 6), sharex=True)
for axes, tier in zip(rows, TIERS):
    beneath(axes, naive)
    for run, colour, style in ((naive, ORANGE, "--"), (protected, BLUE, "-")):
        axes.plot(run.windows("service", tier, "utilization").loc[:299], style, color=colour)
    axes.set(ylabel=tier, xlim=(0, 300), ylim=(0, 1.05), xlabel="")
rows[0].set_title("Share of workers that are held (dashed: naive)")
rows[-1].set_xlabel("simulated seconds")
plt.tight_layout()
plt.show()

# %% [markdown]
# Read it from top to bottom: the trouble climbs **against** the direction of the calls. That is what *cascade* means, and why a slow
# database is worse than a dead one: a refused connection is over at once, a slow answer holds a thread of everybody above it.

# %%
queue = naive.windows("service", "gateway", "queueLength")
print(f"at its worst {queue.max():,.0f} requests wait for a worker of the gateway; with the patterns "
      f"{protected.windows('service', 'gateway', 'queueLength').max():.0f}")

# %% [markdown]
# ## The story
#
# brownout does not guess from curves what led to what. Everything that a fault touches carries its number, so the chain is *recorded*:

# %%
print(naive.story())

# %% [markdown]
# And with the patterns:

# %%
print(protected.story())

# %% [markdown]
# The breaker noticed that the inventory does not answer, and from then on asked it for nothing; orders were taken with an *estimated*
# stock instead. That is a **degraded** answer: not all that was wanted, and much better than none.
#
# ## Exercise
#
# Which single pattern matters most? The model has a variant for each that takes it away: `withoutTimeout`, `withoutRetries`,
# `withoutBreaker`, `withoutBulkhead`, `withoutFallback`. Here is the first; add the others, and explain the row that surprises you.
# (A hint: look at what the remaining patterns do in its place.)

# %%
brownout.compare("order-system", variants=["withoutTimeout"], seeds=3).side_by_side(
    served="clients.shoppers.successRate",
    degraded="clients.shoppers.degraded",
    p99="clients.shoppers.latency.p99",
).round(4)
