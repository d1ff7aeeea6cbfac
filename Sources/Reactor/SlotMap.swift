/// A slot map: elements, each in a numbered slot that it never leaves, found by tokens that outlive them.
///
/// Slots are handed out lowest first and the last one freed first, so the numbers stay small and the
/// memory warm. Storage grows by chunks of 1,024 elements and is kept until the table goes away; of
/// its own the table has four bytes a slot.
///
/// A slot's generation counts how often it changed hands: even while it is free, odd while it is
/// taken. It wraps after 2,147,483,648 elements in the same slot (20 hours of 30,000 connections
/// a second, all of them in this one), and a token that old is held by nobody.
@safe
@frozen
public struct SlotMap<Element: ~Copyable>: ~Copyable {
    @inlinable static var chunkShift: UInt32 { 10 }
    @inlinable static var chunkMask: UInt32 { (1 << chunkShift) - 1 }

    /// The address of each chunk of elements that there is: `(used + 1,023) / 1,024` of them.
    @usableFromInline let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Element>>

    /// Each slot's generation; initialised below `used`.
    @usableFromInline let generations: UnsafeMutablePointer<UInt32>

    /// The most elements there may be.
    public let limit: UInt32

    /// Slots below are or were taken.
    @usableFromInline var used: UInt32

    /// The first free slot below `used`, or `.max`; where its element would be it has the next one.
    @usableFromInline var firstFree: UInt32
    @usableFromInline var occupied: UInt32

    /// The generation that a slot begins with: even.
    @usableFromInline let firstGeneration: UInt32

    /// An empty table for at most `limit` elements. Memory is touched only as slots are used.
    @inlinable
    public init(limit: Int) { self.init(limit: limit, firstGeneration: 0) }

    @inlinable
    init(limit: Int, firstGeneration: UInt32) {
        precondition(limit > 0 && limit < Int(UInt32.max), "no such number of elements")
        precondition(firstGeneration % 2 == 0, "a slot begins free")
        precondition(
            MemoryLayout<Element>.stride >= 4 && MemoryLayout<Element>.alignment >= 4,
            "a free slot has room for the number of the next")
        self.limit = UInt32(limit)
        self.firstGeneration = firstGeneration
        unsafe chunks = .allocate(capacity: (limit + Int(Self.chunkMask)) >> Int(Self.chunkShift))
        unsafe generations = .allocate(capacity: limit)
        used = 0
        firstFree = .max
        occupied = 0
    }

    deinit {
        // Safe: an odd generation says that the slot's element is initialised; chunks exist for all
        // slots below `used`, and everything was allocated by this table and is freed once, here.
        for slot in 0..<used where unsafe generations[Int(slot)] & 1 == 1 {
            unsafe pointer(slot).deinitialize(count: 1)
        }
        for chunk in 0..<(used + Self.chunkMask) >> Self.chunkShift {
            unsafe chunks[Int(chunk)].deallocate()
        }
        unsafe chunks.deallocate()
        unsafe generations.deallocate()
    }

    /// How many elements there are.
    @inlinable
    public var count: Int { Int(occupied) }

    @inlinable
    public var isEmpty: Bool { occupied == 0 }

    /// True when the next `insert` would answer `nil`.
    @inlinable
    public var isFull: Bool { occupied == limit }

    /// Puts `element` into a free slot; `nil`, and the element is destroyed, when the table is full.
    @inlinable
    public mutating func insert(_ element: consuming Element) -> Token? {
        let slot: UInt32
        if firstFree != .max {
            slot = firstFree
            firstFree = nextFree(after: slot)
        } else {
            guard used < limit else { return nil }
            slot = addSlot()
        }
        // Safe: the slot is below `used`, and free: its element is not initialised.
        let generation = unsafe generations[Int(slot)] &+ 1
        unsafe generations[Int(slot)] = generation
        unsafe pointer(slot).initialize(to: element)
        occupied += 1
        return Token(slot: slot, generation: generation)
    }

    /// Takes the element out; `nil` when it is gone already.
    @inlinable
    public mutating func remove(_ token: Token) -> Element? {
        guard contains(token) else { return nil }
        let slot = token.slot
        // Safe: the token is the one of a taken slot, whose element is initialised.
        let element = unsafe pointer(slot).move()
        unsafe generations[Int(slot)] &+= 1
        unsafe UnsafeMutableRawPointer(pointer(slot)).storeBytes(of: firstFree, as: UInt32.self)
        firstFree = slot
        occupied -= 1
        return element
    }

    /// True while the element that the token was made for is there.
    @inlinable
    public func contains(_ token: Token) -> Bool {
        // Safe: generations are initialised below `used`.
        guard token.slot < used, unsafe generations[Int(token.slot)] == token.generation else {
            return false
        }
        return token.generation & 1 == 1
    }

    /// True while some element is in the slot.
    @inlinable
    public func isOccupied(slot: UInt32) -> Bool {
        // Safe: generations are initialised below `used`.
        unsafe slot < used && generations[Int(slot)] & 1 == 1
    }

    /// The token of the element in the slot; `nil` when the slot is free.
    @inlinable
    public func token(ofSlot slot: UInt32) -> Token? {
        guard isOccupied(slot: slot) else { return nil }
        // Safe: generations are initialised below `used`.
        return unsafe Token(slot: slot, generation: generations[Int(slot)])
    }

    /// The element in the slot, in place; traps when the slot is free.
    @inlinable
    public subscript(slot slot: UInt32) -> Element {
        // Safe: a taken slot's element is initialised, and stays there while it is borrowed.
        unsafeAddress { unsafe UnsafePointer(pointer(toSlot: slot)) }
        unsafeMutableAddress { unsafe pointer(toSlot: slot) }
    }

    /// Where the slot's element is until it is removed, for the accessor of a type that holds the map and lends
    /// its elements; traps when the slot is free.
    @unsafe @inlinable
    public func pointer(toSlot slot: UInt32) -> UnsafeMutablePointer<Element> {
        precondition(isOccupied(slot: slot), "no element in this slot")
        return unsafe pointer(slot)
    }

    /// The first taken slot at or after `slot`, to visit all of them in ascending order:
    ///
    ///     var next = table.occupiedSlot(from: 0)
    ///     while let slot = next {
    ///         table[slot: slot].close()
    ///         next = table.occupiedSlot(from: slot + 1)
    ///     }
    @inlinable
    public func occupiedSlot(from slot: UInt32) -> UInt32? {
        var slot = slot
        while slot < used {
            // Safe: generations are initialised below `used`.
            if unsafe generations[Int(slot)] & 1 == 1 { return slot }
            slot += 1
        }
        return nil
    }

    /// Where the slot's element is. The slot must be below `used`.
    @inlinable
    func pointer(_ slot: UInt32) -> UnsafeMutablePointer<Element> {
        // Safe: there is a chunk for every slot below `used`.
        unsafe chunks[Int(slot >> Self.chunkShift)] + Int(slot & Self.chunkMask)
    }

    /// What `remove` has left in a free slot.
    @inlinable
    func nextFree(after slot: UInt32) -> UInt32 {
        // Safe: a slot in the list has no element, and has had this number since its last one went.
        unsafe UnsafeRawPointer(pointer(slot)).load(as: UInt32.self)
    }

    /// Brings the next fresh slot into use, free, and with it a chunk when it is the chunk's first.
    @inlinable
    mutating func addSlot() -> UInt32 {
        let slot = used
        // Safe: `slot` is below `limit`, which everything was allocated for.
        if slot & Self.chunkMask == 0 {
            unsafe (chunks + Int(slot >> Self.chunkShift)).initialize(
                to: .allocate(capacity: 1 << Int(Self.chunkShift))
            )
        }
        unsafe (generations + Int(slot)).initialize(to: firstGeneration)
        used = slot + 1
        return slot
    }
}
