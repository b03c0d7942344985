extension RateLimitCaseText {
    static let changes = #"""
        [
        {"case": "a smaller bucket keeps what is used",
         "limits": {"a": {"capacity": 100, "refill": 10, "per": 1000000},
           "a.small": {"capacity": 50, "refill": 10, "per": 1000000},
                    "a.large": {"capacity": 200, "refill": 10, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 80}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a.small"}], "allowed": false,
           "verdicts": [{"remaining": 0, "retry": 3100000, "reset": 8000000}]},
          {"at": 0, "do": "peek", "checks": [{"limit": "a.large"}], "verdicts": [{"remaining": 120}]},
          {"at": 0, "do": "peek", "checks": [{"limit": "a"}], "verdicts": [{"remaining": 20}]}
         ]},
        {"case": "a changed bucket keeps the used share",
         "limits": {"a": {"capacity": 100, "refill": 10, "per": 1000000},
                    "a.small": {"capacity": 50, "refill": 10, "per": 1000000, "onChange": "scale"},
                    "a.large": {"capacity": 200, "refill": 20, "per": 1000000, "onChange": "scale"}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 80}], "allowed": true},
          {"at": 0, "do": "peek", "checks": [{"limit": "a.small"}],
           "verdicts": [{"remaining": 10, "reset": 4000000}]},
          {"at": 0, "checks": [{"limit": "a.small", "cost": 2}], "allowed": true, "verdicts": [{"remaining": 8}]},
          {"at": 0, "do": "peek", "checks": [{"limit": "a.large"}], "verdicts": [{"remaining": 32}]}
         ]},
        {"case": "a reset forgets usage and blocks",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000, "block": 60000000},
                    "a.new": {"capacity": 2, "refill": 1, "per": 1000000, "onChange": "reset"}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 0, "checks": [{"limit": "a.new"}], "allowed": true, "verdicts": [{"remaining": 1}]}
         ]},
        {"case": "a change of the refill alone is a change",
         "limits": {"a": {"capacity": 10, "refill": 7, "per": 1000000},
           "a.new": {"capacity": 10, "refill": 3, "per": 1000000, "onChange": "reset"}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 10}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a.new", "cost": 10}], "allowed": true}
         ]},
        {"case": "old and new numbers side by side, while servers are replaced, stop nobody's refill",
         "limits": {"a": {"capacity": 10, "refill": 10, "per": 1000000},
           "a.new": {"capacity": 10, "refill": 20, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 10}], "allowed": true},
          {"at": 30000, "checks": [{"limit": "a.new"}], "allowed": false},
          {"at": 50000, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 80000, "checks": [{"limit": "a.new"}], "allowed": true}
         ]},
        {"case": "windows keep their beginning, and usage by the rule",
         "limits": {"a": {"fixed": 10, "window": 60000000}, "a.half": {"fixed": 5, "window": 60000000},
                    "a.scaled": {"fixed": 20, "window": 60000000, "onChange": "scale"},
                    "a.short": {"fixed": 10, "window": 10000000},
                    "s": {"sliding": 10, "window": 60000000},
                    "s.scaled": {"sliding": 20, "window": 60000000, "onChange": "scale"}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 8}, {"limit": "s", "cost": 8}], "allowed": true},
          {"at": 5000000, "do": "peek", "checks": [{"limit": "a.half"}],
           "verdicts": [{"remaining": 0, "reset": 55000000}]},
          {"at": 5000000, "checks": [{"limit": "a.scaled"}, {"limit": "s.scaled"}], "allowed": true,
           "verdicts": [{"remaining": 3, "reset": 55000000}, {"remaining": 3}]},
          {"at": 9000000, "do": "peek", "checks": [{"limit": "a.short"}],
           "verdicts": [{"remaining": 0, "reset": 1000000}]}
         ]},
        {"case": "another algorithm takes over what is used and begins now",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000}, "a.window": {"fixed": 20, "window": 60000000},
                    "a.sliding": {"sliding": 40, "window": 60000000, "onChange": "scale"}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 7}], "allowed": true},
          {"at": 1500000, "checks": [{"limit": "a.window"}], "allowed": true,
           "verdicts": [{"remaining": 13, "reset": 60000000}]},
          {"at": 2000000, "checks": [{"limit": "a.sliding"}], "allowed": true, "verdicts": [{"remaining": 25}]}
         ]},
        {"case": "a block outlives a change that does not reset",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000, "block": 60000000},
           "a.new": {"fixed": 9, "window": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false},
          {"at": 1000000, "checks": [{"limit": "a.new"}], "allowed": false,
           "verdicts": [{"outcome": "blocked", "retry": 59000000}]},
          {"at": 60000000, "checks": [{"limit": "a.new"}], "allowed": true}
         ]}
        ]
        """#
}
