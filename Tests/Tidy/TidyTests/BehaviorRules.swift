/// Rules about what code may reach for.
extension Rule {
    static let behavior: [Rule] = [
        unstructuredTasks, stateMachines, clocksAndRandomness, environment, printing,
    ]

    private static func isProduct(_ file: SourceFile) -> Bool { file.isSwift && file.isUnder("Sources") }

    static let unstructuredTasks = Rule(
        name: "unstructured tasks", reason: "a task that nobody awaits outlives its caller and escapes the simulator"
    ) { file in
        guard file.isSwift, file.isUnder("Sources", "TestKits") else { return [] }
        return [
            Pattern(#"\bTask\s*(<[^>\n]*>)?\s*\{"#, "Task { … }"),
            Pattern(#"\bTask\s*(<[^>\n]*>)?\s*\("#, "Task(…)"),
            Pattern(#"\bTask\s*(<[^>\n]*>)?\s*\.\s*(detached|init|immediate)\b"#, "Task.detached, .init or .immediate"),
        ].findings(in: file.code, of: file.path)
    }

    /// Machines are values: what time it is and what was drawn are arguments, and nothing waits inside.
    static let stateMachines = Rule(
        name: "pure state machines", reason: "no await, lock, clock, sleep or random number inside a machine"
    ) { file in
        guard isProduct(file), file.name.hasSuffix("Machine.swift") else { return [] }
        return [
            Pattern(#"\bDate\s*\(\s*\)"#, "Date()"),
            Pattern(#"\.now\b"#, "a clock is read"),
            Pattern(#"(?i)random|\.shuffled\s*\(|\bshuffle\s*\("#, "randomness"),
            Pattern(#"\b\w*[sS]leep\s*\("#, "a sleep"),
            Pattern(#"\b(await|async)\b"#, "await"),
            Pattern(#"\b(Mutex|Atomic|NSLock|NSRecursiveLock|NIOLock|NIOLockedValueBox|pthread_\w+)\b"#, "a lock"),
            Pattern(#"\.(withLock|withLockedValue|lock|unlock)\b"#, "a lock"),
        ].findings(in: file.code, of: file.path)
    }

    static let clocksAndRandomness = Rule(
        name: "clocks and randomness", reason: "wall clock, sleep and randomness come in through Determinism"
    ) { file in
        guard file.isSwift, file.isUnder("Sources", "TestKits") else { return [] }
        return [
            Pattern(
                #"\bDate\s*\(\s*\)|\bDate\s*\.\s*(now|init\s*\(\s*\))|\bDate\s*\(\s*timeIntervalSinceNow"#, "Date()"),
            Pattern(#"\b(ContinuousClock|SuspendingClock|DispatchTime|DispatchWallTime|UTCClock)\b"#, "a system clock"),
            Pattern(#"\b(NIODeadline|ContinuousClock\.Instant)\s*\.\s*now\b|\bsystemUptime\b"#, "a system clock"),
            Pattern(#"\b(clock_gettime|gettimeofday|mach_absolute_time|CFAbsoluteTimeGetCurrent)\b"#, "a system clock"),
            Pattern(#"(?<!func )(?<![.\w])time\s*\(\s*(nil|&)"#, "a system clock"),
            Pattern(#"\.random\s*\((?!.*\busing:)"#, "the global generator"),
            Pattern(#"\.(randomElement|shuffled|shuffle)\s*\(\s*\)"#, "the global generator"),
            Pattern(#"\bUUID\s*\(\s*\)|\bUUID\s*\.\s*init\s*\(\s*\)"#, "UUID()"),
            Pattern(#"\b(SystemRandomNumberGenerator|arc4random\w*|getrandom|getentropy)\b"#, "the global generator"),
            Pattern(#"\b(Task|Thread)\s*(<[^>\n]*>)?\s*\.\s*sleep\b"#, "a sleep"),
            Pattern(#"(?<!func )(?<![.\w])(u|nano)?sleep\s*\("#, "a sleep"),
        ].findings(in: file.code, of: file.path)
    }

    static let environment = Rule(
        name: "environment variables", reason: "environment variables are read in the configuration only"
    ) { file in
        guard isProduct(file) else { return [] }
        return [
            Pattern(#"\bprocessInfo\s*\.\s*environment\b|\bProcessInfo\s*\(\s*\)\s*\.\s*environment\b"#, "environment"),
            Pattern(#"\b(secure_)?getenv\s*\(|\bsetenv\s*\(|\bunsetenv\s*\(|\benviron\b"#, "environment"),
        ].findings(in: file.code, of: file.path)
    }

    static let printing = Rule(name: "printing", reason: "only the command talks to the terminal; the rest logs") {
        file in
        guard isProduct(file), !file.isUnder("Sources/Service/PantryCommand") else { return [] }
        return [Pattern(#"(?<!func )(?<![.\w])(print|debugPrint|dump)\s*\("#, "prints")]
            .findings(in: file.code, of: file.path)
    }
}
