/// How a load takes the locks of what it reads.
enum LaneLocking {
    /// It waits for whoever holds a row.
    case waits
    /// It passes over the rows that others hold.
    case skips
    /// It takes none: the writes take them, and confirm that the rows are still the same.
    case leftToWrites
}
