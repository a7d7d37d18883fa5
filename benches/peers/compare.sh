#!/usr/bin/env bash
# The scenario mm1 of benches/scenarios on brownout, on a Rust kernel (nexosim) and on SimPy, measured in one run: the
# processor's time of the simulation alone, all on the same core, in turns, so that whatever else the machine does meets all of
# them. Prints the table of benches/README.md.
#
#     benches/peers/compare.sh [ROUNDS]
#
# Needs cargo, python3 with venv, and taskset (Linux). What it fetches and builds stays in target/peers.
# BROWNOUT_CORE names the core (1, or 0 if there is only one).
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-5}
simpy=4.1.2
core=${BROWNOUT_CORE:-$(($(nproc) > 1 ? 1 : 0))}
# Each simulates long enough for its mean response to be within 3 % of the exact one, and for about a second or more.
requests_of() {
    case $1 in
    brownout) echo 4000000 ;;
    nexosim) echo 1000000 ;;
    simpy) echo 400000 ;;
    esac
}
# 1/(1000 - 800) s in the M/M/1 and 0.2 ms on the link each way.
exact_ms=5.4

target=${CARGO_TARGET_DIR:-target}
peers=$target/peers
cargo build --release --locked --quiet --example instructions
cargo build --release --locked --quiet --manifest-path benches/peers/nexosim/Cargo.toml --target-dir "$peers/nexosim"
if ! "$peers/venv/bin/python" -c "import simpy; assert simpy.__version__ == '$simpy'" 2>/dev/null; then
    python3 -m venv "$peers/venv"
    "$peers/venv/bin/pip" install --quiet --disable-pip-version-check "simpy==$simpy"
fi

measure() {
    local n
    n=$(requests_of "$1")
    case $1 in
    brownout) taskset -c "$core" "$target/release/examples/instructions" mm1 "$n" ;;
    nexosim) taskset -c "$core" "$peers/nexosim/release/mm1-nexosim" "$n" ;;
    simpy) taskset -c "$core" "$peers/venv/bin/python" benches/peers/mm1_simpy.py "$n" ;;
    esac
}

version_of() {
    case $1 in
    brownout) sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1 ;;
    nexosim) sed -n 's/^nexosim = "=\(.*\)"/\1, one thread/p' benches/peers/nexosim/Cargo.toml ;;
    simpy) echo "$simpy, $("$peers/venv/bin/python" --version | sed 's/Python/CPython/')" ;;
    esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for ((round = 1; round <= rounds; round++)); do
    for who in brownout nexosim simpy; do
        measure "$who" | tee -a "$scratch/$who" | sed "s/^/round $round: /" >&2
    done
done

# The smallest and the median of one figure over the rounds.
figures() {
    sed -n "s/.* $2=\([0-9.]*\).*/\1/p" "$scratch/$1" | sort -n | awk '{ v[NR] = $1 } END { print v[1], v[int((NR + 1) / 2)] }'
}

echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(uname -srm), core $core of $(nproc); $(rustc --version | cut -d' ' -f1,2); load $(cut -d' ' -f1 /proc/loadavg)"
echo
echo '| simulator | version | CPU time per request, least / median | requests per CPU second | times brownout | mean response (exactly 5.4 ms) |'
echo '|---|---|---:|---:|---:|---:|'
read -r own _ <<<"$(figures brownout ns_per_request)"
wrong=no
for who in brownout nexosim simpy; do
    read -r least median <<<"$(figures "$who" ns_per_request)"
    read -r mean _ <<<"$(figures "$who" mean_ms)"
    awk -v who="$who" -v version="$(version_of "$who")" -v least="$least" -v median="$median" -v own="$own" -v mean="$mean" 'BEGIN {
        printf "| %s | %s | %d / %d ns | %.3f M | %.1f | %.2f ms |\n", who, version, least, median, 1e3 / least, least / own, mean }'
    if awk -v mean="$mean" -v exact="$exact_ms" 'BEGIN { exit !(mean < exact * 0.97 || mean > exact * 1.03) }'; then
        echo "$who simulates something else: a mean response of $mean ms, not $exact_ms ms" >&2
        wrong=yes
    fi
done
[ $wrong = no ]
