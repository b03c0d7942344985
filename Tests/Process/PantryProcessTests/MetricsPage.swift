/// The samples of a page, by name and labels as they stand there.
struct MetricsPage {
    private var samples: [Substring: Double] = [:]

    init(_ page: String) {
        for line in page.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            samples[line[..<blank]] = Double(line[line.index(after: blank)...])
        }
    }

    subscript(series: String) -> Double? { samples[series[...]] }
}
