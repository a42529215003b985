import HostCore
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

/// What has changed between two looks at a directory, with stamps that the test makes up.
@Suite struct DirectoryComparisonTests {
    private func file(
        inode: UInt64 = 1, written: Int64 = 1, isLink: Bool = false
    ) -> FileStamp {
        FileStamp(
            isLink: isLink,
            content: .init(device: 1, inode: inode, size: 1, written: written, changed: written))
    }

    @Test("a file that is written has changed when it looks alike twice")
    func settling() {
        var comparison = DirectoryComparison()
        comparison.begin(with: ["a": file()])
        let first = comparison.look(["a": file(written: 2)])
        #expect(first.isEmpty && comparison.isUnsettled { $0 == "a" })
        let second = comparison.look(["a": file(written: 3)])
        #expect(second.isEmpty)
        let third = comparison.look(["a": file(written: 3)])
        #expect(third == [.changed("a")])
        let last = comparison.look(["a": file(written: 3)])
        #expect(last.isEmpty && !comparison.isUnsettled { _ in true })
    }

    @Test("a link that leads to another file has changed at once")
    func links() {
        var comparison = DirectoryComparison()
        comparison.begin(with: ["a": file(isLink: true)])
        let exchanged = comparison.look([
            "a": file(inode: 2, isLink: true), "b": file(isLink: true),
        ])
        #expect(exchanged == [.changed("a"), .changed("b")])
        let writtenTo = comparison.look([
            "a": file(inode: 2, written: 2, isLink: true), "b": file(isLink: true),
        ])
        #expect(writtenTo.isEmpty)
    }

    @Test("what is gone is removed, and what was reported otherwise is not reported again")
    func goneAndNoted() {
        var comparison = DirectoryComparison()
        comparison.begin(with: ["a": file(), "b": file()])
        comparison.note("b", file(written: 2))
        let changes = comparison.look(["b": file(written: 2)])
        #expect(changes == [.removed("a")])
    }
}
