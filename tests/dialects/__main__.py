"""Prints what became of every file; the last line is JSON."""

import json
import sys

from tests.dialects import cases, judge


def main() -> int:
    """Judge all files; 0 when the bar is met."""
    odd = [judge(case) for case in cases("odd")]
    ordinary = [judge(case) for case in cases("ordinary")]
    for title, judged in (("odd", odd), ("ordinary", ordinary)):
        print(f"{title}: {len(judged)} files")
        for one in judged:
            print(f"  {one.verdict:8} {one.name:32} {one.why[:150]}")
    counts = {
        "exact": sum(one.verdict == "exact" for one in odd),
        "refused": sum(one.verdict == "refused" for one in odd),
        "wrong": sum(one.verdict == "wrong" for one in odd + ordinary),
        "ordinary_refused": sum(one.verdict == "refused" for one in ordinary),
    }
    is_met = counts["exact"] >= 45 and counts["wrong"] == 0 and counts["ordinary_refused"] == 0
    print(json.dumps(counts))
    return 0 if is_met and len(odd) >= 60 and len(ordinary) >= 30 else 1


if __name__ == "__main__":
    sys.exit(main())
