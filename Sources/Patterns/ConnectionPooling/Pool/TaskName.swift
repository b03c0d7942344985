/// The name of the current task, where the platform can tell.
func currentTaskName() -> String? {
    if #available(macOS 26.0, iOS 26.0, tvOS 26.0, watchOS 26.0, visionOS 26.0, *) { Task.name } else { nil }
}
