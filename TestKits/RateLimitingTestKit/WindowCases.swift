extension RateLimitCaseText {
    static let windows = #"""
        [
        {"case": "points 100, duration 60, block 60: the classic",
         "limits": {"a": {"fixed": 100, "window": 60000000, "block": 60000000}},
         "steps": [
          {"at": 7000000, "times": 100, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "granted": 1, "next": 60000000, "reset": 60000000}]},
          {"at": 40000000, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "refused", "remaining": 0, "retry": 60000000, "reset": 60000000}]},
          {"at": 70000000, "times": 2, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "blocked", "retry": 30000000}]},
          {"at": 99999999, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 100000000, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 99, "reset": 60000000}]}
         ]},
        {"case": "a fixed window begins with the key's first request",
         "limits": {"a": {"fixed": 2, "window": 1000000}},
         "steps": [
          {"at": 700000, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 1, "next": 1000000}]},
          {"at": 1600000, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "reset": 100000}]},
          {"at": 1600000, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 100000}]},
          {"at": 1700000, "times": 2, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "reset": 1000000}]}
         ]},
        {"case": "fixed window: weights, never, penalty, reward, peek",
         "limits": {"a": {"fixed": 10, "window": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 8}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "cost": 5}], "allowed": false,
           "verdicts": [{"remaining": 2, "retry": 1000000}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 11}], "allowed": false,
           "verdicts": [{"outcome": "never", "retry": -1}]},
          {"at": 0, "do": "peek", "checks": [{"limit": "a", "cost": 2}],
           "verdicts": [{"outcome": "allowed", "remaining": 2}]},
          {"at": 0, "do": "peek", "checks": [{"limit": "a", "cost": 3}],
           "verdicts": [{"outcome": "refused", "retry": 1000000}]},
          {"at": 0, "do": "reward", "checks": [{"limit": "a", "cost": 3}], "verdicts": [{"remaining": 5}]},
          {"at": 0, "do": "penalty", "checks": [{"limit": "a", "cost": 4}], "verdicts": [{"remaining": 1}]},
          {"at": 1000000, "do": "reward", "checks": [{"limit": "a", "cost": 3}],
           "verdicts": [{"remaining": 10, "reset": 0}]}
         ]},
        {"case": "half a second, and thirty days",
         "limits": {"a": {"fixed": 1, "window": 500000}, "b": {"fixed": 1, "window": 2592000000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 499999, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 500000, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "b"}], "allowed": true},
          {"at": 2591999999999, "times": 5, "checks": [{"limit": "b"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 2592000000000, "checks": [{"limit": "b"}], "allowed": true}
         ]},
        {"case": "a sliding window counts what of the window before is still inside",
         "limits": {"a": {"sliding": 100, "window": 1000000}},
         "steps": [
          {"at": 0, "times": 100, "checks": [{"limit": "a"}], "allowed": true,
           "verdicts": [{"remaining": 0, "reset": 2000000}]},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"outcome": "refused", "retry": 1010000, "next": 1010000}]},
          {"at": 1000000, "checks": [{"limit": "a"}], "allowed": false,
           "verdicts": [{"remaining": 0, "retry": 10000, "reset": 1000000}]},
          {"at": 1009999, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 1010000, "checks": [{"limit": "a"}], "allowed": true, "verdicts": [{"remaining": 0, "next": 10000}]},
          {"at": 1500000, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 49}]},
          {"at": 1500000, "checks": [{"limit": "a", "cost": 50}], "allowed": false, "verdicts": [{"retry": 10000}]},
          {"at": 1500000, "checks": [{"limit": "a", "cost": 49}], "allowed": true, "verdicts": [{"remaining": 0}]},
          {"at": 1990000, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 49}]},
          {"at": 2500000, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 75}]},
          {"at": 3000000, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 100, "reset": 0}]}
         ]},
        {"case": "sliding window: never, penalty, reward of the current window only",
         "limits": {"a": {"sliding": 10, "window": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 11}], "allowed": false,
           "verdicts": [{"outcome": "never", "retry": -1}]},
          {"at": 0, "do": "penalty", "checks": [{"limit": "a", "cost": 50}],
           "verdicts": [{"outcome": "refused", "remaining": 0, "reset": 2000000}]},
          {"at": 1000000, "do": "reward", "checks": [{"limit": "a", "cost": 20}], "verdicts": [{"remaining": 0}]},
          {"at": 1500000, "do": "peek", "checks": [{"limit": "a"}],
           "verdicts": [{"outcome": "refused", "retry": 50000}]},
          {"at": 1550000, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 1550000, "do": "reward", "checks": [{"limit": "a", "cost": 9}], "verdicts": [{"remaining": 1}]}
         ]},
        {"case": "windows on a clock that steps back",
         "limits": {"f": {"fixed": 2, "window": 10000000}, "s": {"sliding": 2, "window": 10000000}},
         "steps": [
          {"at": 7200000000, "times": 2, "checks": [{"limit": "f"}, {"limit": "s"}], "allowed": true},
          {"at": 7199000000, "checks": [{"limit": "f"}], "allowed": false, "verdicts": [{"retry": 11000000}]},
          {"at": 3600000000, "checks": [{"limit": "f"}, {"limit": "s"}], "allowed": false,
           "verdicts": [{"retry": 10000000}, {"retry": 15000000}]},
          {"at": 3610000000, "checks": [{"limit": "f"}], "allowed": true},
          {"at": 3615000000, "checks": [{"limit": "s"}], "allowed": true}
         ]},
        {"case": "sliding windows of a millisecond and of ten years",
         "limits": {"a": {"sliding": 2, "window": 1000}, "b": {"sliding": 2, "window": 315360000000000}},
         "steps": [
          {"at": 0, "times": 2, "checks": [{"limit": "a"}, {"limit": "b"}], "allowed": true},
          {"at": 1499, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 1500, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 473039999999999, "checks": [{"limit": "b"}], "allowed": false, "verdicts": [{"retry": 1}]},
          {"at": 473040000000000, "checks": [{"limit": "b"}], "allowed": true}
         ]}
        ]
        """#
}
