internal import NIOCore

/// The smallest or the largest of the numbers of a time that slides along. Pure.
///
/// Keeps only numbers that can still become the extreme one, each more extreme than the one after it: never more than
/// there are different numbers, however long the window is.
struct StabilizationWindow {
    enum Extreme {
        case smallest, largest
    }

    private let extreme: Extreme
    private let length: TimeAmount
    private let begin: NIODeadline
    private(set) var candidates: [(time: NIODeadline, number: Int)] = []

    /// - Parameter begin: since when the numbers count; the first of them stands for the time from there on.
    init(of extreme: Extreme, over length: Duration, from begin: NIODeadline) {
        self.extreme = extreme
        self.length = TimeAmount(length)
        self.begin = begin
    }

    /// Takes the number that holds for the time since the last one.
    ///
    /// - Returns: the extreme one of the window that ends now; nil while that reaches back beyond the beginning.
    mutating func record(_ number: Int, at now: NIODeadline) -> Int? {
        while let last = candidates.last, !isMoreExtreme(last.number, than: number) {
            candidates.removeLast()
        }
        candidates.append((now, number))
        while candidates.count > 1, candidates[0].time <= now - length {
            candidates.removeFirst()
        }
        return now - begin >= length ? candidates[0].number : nil
    }

    private func isMoreExtreme(_ number: Int, than other: Int) -> Bool {
        switch extreme {
        case .smallest: number < other
        case .largest: number > other
        }
    }
}
