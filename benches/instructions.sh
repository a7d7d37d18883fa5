#!/usr/bin/env bash
# Counts the instructions that a request costs, and those of reading and of setting up a model of 1000 services, and compares
# them with benches/instructions.csv. Measures the memory of a call in flight, too.
#
#     benches/instructions.sh              compares; fails if a scenario costs over 3 % more than is stored, or more than its limit
#     benches/instructions.sh --update     stores what is measured
#
# Instructions are counted by valgrind, on runs of two lengths whose difference leaves out what happens once. Unlike times,
# counts are nearly the same on a busy machine, and on another. They do change with the compiler: with another one than the
# first line of the table names, figures are compared and told, but none fails.
set -euo pipefail
cd "$(dirname "$0")/.."

table=benches/instructions.csv
update=no
if [ "${1-}" = --update ]; then update=yes; fi
command -v valgrind >/dev/null || { echo 'instructions.sh needs valgrind' >&2; exit 2; }

cargo build --release --locked --example instructions
program=${CARGO_TARGET_DIR:-target}/release/examples/instructions
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Requests (or models set up) and instructions of one run, as `REQUESTS INSTRUCTIONS`.
count() {
    local requests instructions
    requests=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$scratch/log" "$program" "$1" "$2" |
        sed -n -E 's/.* (requests|models)=([0-9]*) .*/\2/p')
    instructions=$(sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p' "$scratch/log")
    echo "$requests $instructions"
}

per_request() {
    local short long
    read -r -a short <<<"$(count "$1" "$2")"
    read -r -a long <<<"$(count "$1" "$3")"
    echo $(((long[1] - short[1]) / (long[0] - short[0])))
}

compiler=$(rustc --version)
stored_with=$(sed -n '1s/^# //p' "$table")
failed=no
{
    echo "# $compiler"
    echo scenario,measured,limit
} >"$scratch/table"
printf '%-10s %12s %10s %8s %10s\n' scenario instructions stored change limit

while IFS=, read -r scenario stored limit; do
    case $scenario in
    mm1) lengths=(20000 80000) ;;
    chain10) lengths=(2000 10000) ;;
    # So many that only a share is followed, as it is of most runs that are long.
    watched) lengths=(1000000 1400000) ;;
    mesh1000) lengths=(10000 20000) ;;
    queue) lengths=(10000 40000) ;;
    read | set-up) lengths=(1 3) ;;
    *) echo "unknown scenario $scenario in $table" >&2 && exit 2 ;;
    esac
    measured=$(per_request "$scenario" "${lengths[@]}")
    verdict=()
    # In tenths of a percent.
    change=$((stored > 0 ? (measured - stored) * 1000 / stored : 0))
    if [ "$change" -gt 30 ]; then
        verdict+=('costs more than it did')
        if [ "$compiler" = "$stored_with" ]; then failed=yes; else verdict+=('but with another compiler'); fi
    elif [ "$change" -lt -30 ]; then
        verdict+=('costs less than it did: store it with --update')
    fi
    if [ -n "$limit" ] && [ "$measured" -gt "$limit" ]; then
        verdict+=('above the limit')
        if [ "$compiler" = "$stored_with" ]; then failed=yes; fi
    fi
    told=$(IFS=';' && echo "${verdict[*]-}")
    printf '%-10s %12d %10d %+6d.%d%% %10s  %s\n' "$scenario" "$measured" "$stored" $((change / 10)) $((change < 0 ? -change % 10 : change % 10)) \
        "$limit" "${told//;/; }"
    echo "$scenario,$measured,$limit" >>"$scratch/table"
done < <(grep -v -e '^#' -e '^scenario,' "$table")

# A call in flight is a call, a job, an event and a timer.
flight=$("$program" in-flight 2000000 | sed -n 's/.*bytes_per_call=//p')
echo "in flight: $flight bytes per call (the limit is 128)"
# What a run needs without any call adds a little to each.
if awk -v bytes="$flight" 'BEGIN { exit !(bytes >= 128.5) }'; then failed=yes; fi

waiting=$("$program" waiting 2000000 | sed -n 's/.*bytes_per_message=//p')
echo "waiting: $waiting bytes per message in a queue (the limit is 64)"
if awk -v bytes="$waiting" 'BEGIN { exit !(bytes >= 65.5) }'; then failed=yes; fi

if [ $update = yes ]; then
    cp "$scratch/table" "$table"
    echo "stored in $table"
elif [ $failed = yes ]; then
    echo 'Something costs more than it may. If that is worth it, store the new figures with --update and say why.' >&2
    exit 1
fi
