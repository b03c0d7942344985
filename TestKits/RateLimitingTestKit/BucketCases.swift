extension RateLimitCaseText {
    static let buckets = #"""
        [
        {"case": "the model bucket: 100, refilled by 10 a second",
         "limits": {"a": {"capacity": 100, "refill": 10, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"outcome": "allowed", "remaining": 99, "granted": 1, "retry": -1, "next": 100000,
           "reset": 100000}]},
          {"at": 0, "times": 99, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "next": 100000, "reset": 10000000}]},
          {"at": 0, "times": 3, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "refused", "remaining": 0, "granted": 0, "retry": 100000, "reset": 10000000}]},
          {"at": 99999, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 100000, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "reset": 10000000}]},
          {"at": 5100000, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 50, "granted": 0}]},
          {"at": 60000000, "do": "peek", "checks": [{"limit": "a"}],
           "verdicts": [{"remaining": 100, "next": 0, "reset": 0}]}
         ]},
        {"case": "a rejected cost consumes nothing",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 8}], "allowed": true, "verdicts": [{"remaining": 2}]},
          {"at": 0, "times": 5, "checks": [{"limit": "a", "cost": 5}], "allowed": false,
           "verdicts": [{"outcome": "refused", "remaining": 2, "retry": 3000000}]},
          {"at": 0, "times": 2, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"remaining": 0}]}
         ]},
        {"case": "a cost above the capacity will never be admitted",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 11}], "allowed": false,
           "verdicts": [{"outcome": "never", "remaining": 10, "retry": -1, "reset": 0}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 4000000000000}], "allowed": false,
           "verdicts": [{"outcome": "never"}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 10}], "allowed": true, "verdicts": [{"remaining": 0}]}
         ]},
        {"case": "a cost of nothing passes and charges nothing",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 0}], "allowed": true, "verdicts": [{"remaining": 1}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 1}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "cost": 0}], "allowed": true, "verdicts": [{"remaining": 0}]}
         ]},
        {"case": "a third of a second is exact: 3 a second",
         "limits": {"a": {"capacity": 3, "refill": 3, "per": 1000000}},
         "steps": [
          {"at": 0, "times": 3, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 333333, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 333334, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 666666, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 666667, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 1000000, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 1333333, "checks": [{"limit": "a"}], "allowed": false}
         ]},
        {"case": "penalty, reward, reset",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "do": "penalty", "checks": [{"limit": "a", "cost": 4}],
           "verdicts": [{"remaining": 6, "reset": 4000000}]},
          {"at": 0, "do": "reward", "checks": [{"limit": "a", "cost": 1}], "verdicts": [{"remaining": 7}]},
          {"at": 0, "do": "reward", "checks": [{"limit": "a", "cost": 100}],
           "verdicts": [{"remaining": 10, "reset": 0}]},
          {"at": 0, "do": "penalty", "checks": [{"limit": "a", "cost": 1000}],
           "verdicts": [{"remaining": 0, "reset": 20000000, "next": 11000000}]},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 11000000}]},
          {"at": 0, "do": "reset", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 10, "reset": 0}]}
         ]},
        {"case": "an operator blocks a key for a time",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 2}], "allowed": true},
          {"at": 0, "do": "block", "for": 5000000, "checks": [{"limit": "a"}],
           "verdicts": [{"outcome": "blocked", "remaining": 0, "retry": 5000000, "reset": 5000000, "next": 5000000}]},
          {"at": 1000000, "checks": [{"limit": "a", "cost": 0}], "allowed": false,
           "verdicts": [{"outcome": "blocked", "retry": 4000000}]},
          {"at": 1000000, "do": "block", "for": 1, "checks": [{"limit": "a"}], "verdicts": [{"retry": 4000000}]},
          {"at": 1000000, "do": "reward", "checks": [{"limit": "a"}], "verdicts": [{"outcome": "blocked"}]},
          {"at": 5000000, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"remaining": 9}]},
          {"at": 5000000, "do": "block", "for": 5000000, "checks": [{"limit": "a"}]},
          {"at": 5000000, "do": "reset", "checks": [{"limit": "a"}],
           "verdicts": [{"outcome": "allowed", "remaining": 10}]}
         ]},
        {"case": "a bucket that blocks after a refusal, and attempts do not prolong it",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000, "block": 10000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "refused", "retry": 10000000}]},
          {"at": 9000000, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "blocked", "retry": 1000000}]},
          {"at": 10000000, "checks": [{"limit": "a"}], "allowed": true}
         ]},
        {"case": "attempts count: guessing keeps the door shut",
         "limits": {"a": {"capacity": 2, "refill": 1, "per": 1000000, "countsAttempts": true}},
         "steps": [
          {"at": 0, "times": 2, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 2000000}]},
          {"at": 0, "times": 9, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"retry": 3000000, "reset": 4000000}]},
          {"at": 2999999, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 6000000, "checks": [{"limit": "a"}], "allowed": true}
         ]},
        {"case": "a slice takes more than it needs, but at most half of what is left",
         "limits": {"a": {"capacity": 100, "refill": 10, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 1, "upTo": 20}], "allowed": true,
           "verdicts": [{"granted": 20, "remaining": 80}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 1, "upTo": 100}], "allowed": true,
           "verdicts": [{"granted": 40, "remaining": 40}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 40, "upTo": 90}], "allowed": true,
           "verdicts": [{"granted": 40, "remaining": 0}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 1, "upTo": 5, "adjustment": -3}], "allowed": true,
           "verdicts": [{"granted": 2, "remaining": 1}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 1, "adjustment": 5}], "allowed": false,
           "verdicts": [{"retry": 500000}]}
         ]},
        {"case": "a clock that steps back refills nothing, and nobody is stuck",
         "limits": {"a": {"capacity": 10, "refill": 10, "per": 1000000}},
         "steps": [
          {"at": 7200000000, "checks": [{"limit": "a", "cost": 10}], "allowed": true},
          {"at": 7199500000, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 600000}]},
          {"at": 7200000000, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 100000}]},
          {"at": 3600000000, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"retry": 100000, "reset": 1000000}]},
          {"at": 3600100000, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"remaining": 0}]},
          {"at": 3601100000, "checks": [{"limit": "a", "cost": 10}], "allowed": true}
         ]},
        {"case": "a block does not grow when the clock steps back",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000, "block": 60000000}},
         "steps": [
          {"at": 7200000000, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 7200000000, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 60000000}]},
          {"at": 3600000000, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "blocked", "retry": 60000000}]},
          {"at": 3660000000, "checks": [{"limit": "a"}], "allowed": true}
         ]},
        {"case": "one millisecond",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000}},
         "steps": [
          {"at": 5, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"reset": 1000}]},
          {"at": 1004, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 1005, "checks": [{"limit": "a"}], "allowed": true}
         ]},
        {"case": "ten years",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 315360000000000},
           "b": {"capacity": 7, "refill": 7, "per": 315360000000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"reset": 315360000000000}]},
          {"at": 315359999999999, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 315360000000000, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "times": 7, "checks": [{"limit": "b"}], "allowed": true,
           "verdicts": [{"remaining": 0, "reset": 315360000000000}]},
          {"at": 45051428571428, "checks": [{"limit": "b"}], "allowed": false},
          {"at": 45051428571429, "checks": [{"limit": "b"}], "allowed": true}
         ]},
        {"case": "more tokens than microseconds",
         "limits": {"a": {"capacity": 5000000, "refill": 5000000, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 5000000}], "allowed": true, "verdicts": [{"reset": 1000000}]},
          {"at": 1, "checks": [{"limit": "a", "cost": 6}], "allowed": false,
           "verdicts": [{"remaining": 5, "retry": 1}]},
          {"at": 1, "checks": [{"limit": "a", "cost": 5}], "allowed": true}
         ]}
        ]
        """#
}
