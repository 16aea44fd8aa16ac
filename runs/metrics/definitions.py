"""Each KPI in one sentence: what tooltips say and what docs/kpis.md lists."""

from collections.abc import Mapping

DEFINITIONS: Mapping[str, str] = {
    "wall_s": "Seconds from the launch to the end, less the time a person held the run.",
    "one_by_one_s": (
        "Seconds the successful calls would take one after the other, joins included, waits and "
        "backoff left out."
    ),
    "speed_up": "One-by-one time ÷ wall clock.",
    "speed_up_is": (
        "How it is known: “estimated” from calls timed under load, which flatters it, or "
        "“measured” with a sample of calls made one by one."
    ),
    "latency_reduction": "The share of the one-by-one time that was saved: 1 − wall ÷ one-by-one.",
    "is_private": (
        "Whether the calls went to a model on this machine, where calls share one processor and "
        "only a measured figure should be called a speed-up."
    ),
    "achieved_concurrency": "Calls in flight on average: all their durations ÷ wall clock.",
    "peak_in_flight": "The most calls that were in flight at one instant.",
    "where": "The wall clock's seconds by what bound the run; the labels sum to the wall clock.",
    "tail_s": "Seconds in which nothing waited and less than half the peak was in flight.",
    "is_serialised": (
        "Whether the rate limit held the run for more than half its time with less than 1.5 calls "
        "in flight on average."
    ),
    "attempts": "Requests sent, retries and hedges included.",
    "throttled": "Requests that the provider refused with 429 or 529.",
    "throttle_rate": "Throttled requests ÷ all requests.",
    "held_s": "Seconds that calls waited here for the rate limit before being sent, added up.",
    "hedges": "Second attempts sent beside calls that took unusually long.",
    "hedges_won": "Second attempts that answered before the first.",
    "input_tokens": "Tokens read by the model over all requests, as far as the provider said.",
    "output_tokens": "Tokens written by the model over all requests, as far as the provider said.",
    "cost_usd": "US dollars for all requests, failed ones too; unknown where a price is unknown.",
    "useful_usd": "US dollars for the requests whose answers count; outvoted answers do.",
    "wasted_usd": "US dollars for failed, aborted and superseded requests.",
    "wasted_by": (
        "The waste by its cause: requests, tokens, and US dollars, which are unknown where a price "
        "is unknown."
    ),
    "unconfirmed_usd": (
        "US dollars within the cost that stand for requests without reported usage, counted at "
        "what was reserved for them."
    ),
    "multiplier": (
        "Total cost ÷ mean cost of one successful section or vote call; by tokens where calls "
        "cost nothing."
    ),
    "coverage": "The share of the join's children, spared ones aside, whose answers are in it.",
    "agreement": "The leading answer's share of the readable votes.",
    "margin": "Votes between the leading answer and the next.",
}

WHERE: Mapping[str, str] = {
    "down": "No process worked on the run: it waited for its turn, or parweb was down.",
    "held": "A used-up quota, or too dear a reply, held the run until someone went on.",
    "join": "Only calls of a join were in flight: merging or judging.",
    "outage": "The provider answered nobody, and calls waited for it to come back.",
    "rate_limit": "A call waited for the provider's rate limit.",
    "budget": "A call waited for room under the run's caps, which open calls held back.",
    "at_the_limit": "A call was ready and waited for a slot.",
    "backoff": "A branch waited to try again after an error, and a slot was free.",
    "tail": "Nothing waited and less than half the peak was in flight.",
    "full": "Calls were in flight and nothing waited.",
}

WASTED: Mapping[str, str] = {
    "failed": "Requests that ended with an error, of branches that never got an answer.",
    "superseded": (
        "Requests whose branch was answered by another one: errors before a later try succeeded, "
        "and answers that came twice."
    ),
    "aborted": "Requests broken off while they went on, by a cancel or because none needed them.",
    "hedge": "Requests sent twice on purpose, of which the other was quicker.",
    "lost": "Requests whose end nobody saw, since the process that made them stopped.",
}
