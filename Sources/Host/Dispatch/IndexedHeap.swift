internal import NIOCore

/// A binary heap of small numbers, each with a moment: the earliest is first. A number stands in it at most once, and
/// is found, moved and removed without a search.
///
/// Source: Sedgewick and Wayne, "Algorithms", 4th edition, 2.4 (index priority queue).
struct IndexedHeap {
    /// What the numbers are ordered by.
    struct Key: Comparable {
        var time: NIODeadline
        /// Decides between two of the same moment.
        var order: UInt64

        static func < (first: Key, second: Key) -> Bool {
            (first.time, first.order) < (second.time, second.order)
        }
    }

    private struct Node {
        var number: Int
        var key: Key
    }

    private var nodes: [Node] = []
    /// By number, where in ``nodes`` it stands; -1: nowhere.
    private var positions: [Int] = []

    var first: (number: Int, key: Key)? { nodes.first.map { ($0.number, $0.key) } }

    func contains(_ number: Int) -> Bool {
        number < positions.count && positions[number] >= 0
    }

    /// Puts a number in, or moves it.
    mutating func set(_ number: Int, to key: Key) {
        while positions.count <= number { positions.append(-1) }
        let node = Node(number: number, key: key)
        let position = positions[number]
        if position < 0 {
            nodes.append(node)
            rise(node, from: nodes.count - 1)
        } else {
            settle(node, at: position)
        }
    }

    /// Takes a number out, if it is there.
    mutating func remove(_ number: Int) {
        guard contains(number) else { return }
        let position = positions[number]
        positions[number] = -1
        let last = nodes.removeLast()
        if position < nodes.count { settle(last, at: position) }
    }

    private mutating func settle(_ node: Node, at position: Int) {
        if position > 0, node.key < nodes[(position - 1) / 2].key {
            rise(node, from: position)
        } else {
            sink(node, from: position)
        }
    }

    private mutating func rise(_ node: Node, from start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard node.key < nodes[parent].key else { break }
            put(nodes[parent], at: position)
            position = parent
        }
        put(node, at: position)
    }

    private mutating func sink(_ node: Node, from start: Int) {
        var position = start
        while true {
            var child = 2 * position + 1
            guard child < nodes.count else { break }
            if child + 1 < nodes.count, nodes[child + 1].key < nodes[child].key { child += 1 }
            guard nodes[child].key < node.key else { break }
            put(nodes[child], at: position)
            position = child
        }
        put(node, at: position)
    }

    private mutating func put(_ node: Node, at position: Int) {
        nodes[position] = node
        positions[node.number] = position
    }
}
