extension RateLimitCaseText {
    static let several = #"""
        [
        {"case": "all or none: a limit of 1 beside a limit of 100",
         "limits": {"small": {"capacity": 1, "refill": 1, "per": 3600000000},
           "large": {"capacity": 100, "refill": 1, "per": 3600000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "small"}, {"limit": "large"}], "allowed": true, "binding": "small",
           "verdicts": [{"remaining": 0}, {"remaining": 99}]},
          {"at": 0, "times": 9, "checks": [{"limit": "small"},
           {"limit": "large"}], "allowed": false, "binding": "small",
           "verdicts": [{"outcome": "refused", "granted": 0},
           {"outcome": "allowed", "remaining": 99, "granted": 0, "retry": -1}]},
          {"at": 0, "times": 9, "checks": [{"limit": "large"},
           {"limit": "small"}], "allowed": false, "binding": "small",
           "verdicts": [{"outcome": "allowed", "remaining": 99, "granted": 0}]}
         ]},
        {"case": "of several refusals the longest wait binds, and never is longest",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000},
           "b": {"capacity": 1, "refill": 1, "per": 5000000},
                    "c": {"fixed": 5, "window": 60000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b"}, {"limit": "c"}], "allowed": true, "binding": "a"},
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b"}, {"limit": "c"}], "allowed": false, "binding": "b",
           "verdicts": [{"retry": 1000000}, {"retry": 5000000}, {"outcome": "allowed", "remaining": 4}]},
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b"},
           {"limit": "c", "cost": 6}], "allowed": false, "binding": "c",
           "verdicts": [{"outcome": "refused"}, {"outcome": "refused"}, {"outcome": "never"}]}
         ]},
        {"case": "when all admit, the smallest share remaining binds",
         "limits": {"a": {"capacity": 10, "refill": 1, "per": 1000000},
           "b": {"capacity": 100, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b", "cost": 20}], "allowed": true, "binding": "b"},
          {"at": 0, "checks": [{"limit": "a", "cost": 3}, {"limit": "b"}], "allowed": true, "binding": "a"}
         ]},
        {"case": "organization, key, route and address in one decision",
         "limits": {"org": {"capacity": 100, "refill": 10, "per": 1000000},
           "key": {"capacity": 5, "refill": 5, "per": 1000000},
                    "route": {"sliding": 50, "window": 1000000}, "address": {"fixed": 30, "window": 1000000}},
         "steps": [
          {"at": 0, "times": 5, "allowed": true, "binding": "key",
           "checks": [{"limit": "org"}, {"limit": "key", "subject": "k1"},
           {"limit": "route", "subject": "POST /orders"},
                      {"limit": "address", "subject": "198.51.100.7"}],
           "verdicts": [{"remaining": 95}, {"remaining": 0}, {"remaining": 45}, {"remaining": 25}]},
          {"at": 0, "times": 20, "allowed": false, "binding": "key",
           "checks": [{"limit": "org"}, {"limit": "key", "subject": "k1"},
           {"limit": "route", "subject": "POST /orders"},
                      {"limit": "address", "subject": "198.51.100.7"}],
           "verdicts": [{"remaining": 95}, {"retry": 200000}, {"remaining": 45}, {"remaining": 25}]},
          {"at": 0, "allowed": true,
           "checks": [{"limit": "org"}, {"limit": "key", "subject": "k2"},
           {"limit": "route", "subject": "POST /orders"},
                      {"limit": "address", "subject": "198.51.100.7"}],
           "verdicts": [{"remaining": 94}, {"remaining": 4}, {"remaining": 44}, {"remaining": 24}]}
         ]},
        {"case": "the same limit twice in a decision is one check with the sum",
         "limits": {"a": {"capacity": 3, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "cost": 2}, {"limit": "a", "cost": 2}], "allowed": false,
           "verdicts": [{"outcome": "never"}]},
          {"at": 0, "checks": [{"limit": "a", "cost": 2}, {"limit": "a", "cost": 1}], "allowed": true,
           "verdicts": [{"remaining": 0, "granted": 3}]}
         ]},
        {"case": "names with colons and braces are not each other",
         "limits": {"a": {"capacity": 1, "refill": 1, "per": 1000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a", "subject": "b:c"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "subject": "b%3Ac"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "subject": "{b}"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "subject": ""}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a", "subject": "b:c"}], "allowed": false}
         ]},
        {"case": "a shadow limit reports, refuses nothing, and is charged as if alone",
         "limits": {"real": {"capacity": 3, "refill": 1, "per": 3600000000},
                    "trial": {"capacity": 2, "refill": 1, "per": 3600000000, "shadow": true}},
         "steps": [
          {"at": 0, "times": 2, "checks": [{"limit": "real"}, {"limit": "trial"}], "allowed": true, "binding": "real",
           "verdicts": [{"remaining": 1}, {"outcome": "allowed", "remaining": 0}]},
          {"at": 0, "checks": [{"limit": "real"}, {"limit": "trial"}], "allowed": true, "binding": "real",
           "verdicts": [{"remaining": 0}, {"outcome": "refused", "retry": 3600000000}]},
          {"at": 3600000000, "do": "reset", "checks": [{"limit": "trial"}]},
          {"at": 3600000000, "checks": [{"limit": "real", "cost": 3},
           {"limit": "trial"}], "allowed": false, "binding": "real",
           "verdicts": [{"outcome": "refused"}, {"outcome": "allowed", "remaining": 1, "granted": 1}]},
          {"at": 3600000000, "times": 5, "checks": [{"limit": "trial"}], "allowed": true, "binding": "trial"}
         ]},
        {"case": "attempts count also when another limit refuses",
         "limits": {"door": {"capacity": 10, "refill": 1, "per": 3600000000, "countsAttempts": true},
                    "other": {"capacity": 1, "refill": 1, "per": 3600000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "door"}, {"limit": "other"}], "allowed": true, "verdicts": [{"remaining": 9},
           {"remaining": 0}]},
          {"at": 0, "times": 3, "checks": [{"limit": "door"},
           {"limit": "other"}], "allowed": false, "binding": "other",
           "verdicts": [{"outcome": "allowed", "remaining": 6, "granted": 0}, {"outcome": "refused"}]}
         ]},
        {"case": "only the limit that refuses blocks",
         "limits": {"a": {"fixed": 1, "window": 1000000, "block": 60000000},
           "b": {"fixed": 9, "window": 1000000, "block": 60000000}},
         "steps": [
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b"}], "allowed": true},
          {"at": 0, "checks": [{"limit": "a"}, {"limit": "b"}], "allowed": false, "binding": "a"},
          {"at": 0, "checks": [{"limit": "b"}], "allowed": true, "verdicts": [{"remaining": 7}]},
          {"at": 0, "checks": [{"limit": "a"}], "allowed": false, "verdicts": [{"outcome": "blocked"}]}
         ]}
        ]
        """#
}
