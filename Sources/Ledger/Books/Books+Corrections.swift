import Storage
import Time

/// Rules A11 and B17: what was done by mistake is taken back, and the books balance.
extension Books {
    func carryOut(
        _ action: CorrectionAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .voidPurchase(let account, let first, let cause):
            if let refusal = Self.refusal(ofName: cause) { return .refused(refusal) }
            return try voidPurchase(account, first, cause, command, in: transaction)
        case .voidAssignment(let account, let sequence, let cause):
            if let refusal = Self.refusal(ofName: cause) { return .refused(refusal) }
            return try voidAssignment(account, sequence, cause, command, in: transaction)
        case .voidConsumption(let identity, let cause):
            if let refusal = Self.refusal(ofName: cause) { return .refused(refusal) }
            return try voidConsumption(identity, cause, command, in: transaction)
        case .move(let identity, let device, let cause):
            if let refusal = Self.refusal(ofName: cause) { return .refused(refusal) }
            return try move(identity, device, cause, command, in: transaction)
        case .voidTopUp(let account, let pack, let cause):
            if let refusal = Self.refusal(ofName: cause) { return .refused(refusal) }
            return try voidTopUp(account, pack, cause, command, in: transaction)
        }
    }

    private func record(
        _ entry: Correction.Entry,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let correction = Correction(entry, cause: cause)
        return .done(try record(.corrections(correction), command, in: transaction))
    }

    // MARK: Codes that are not consumed

    private func voidPurchase(
        _ account: AccountID,
        _ first: ActivationCode,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var batch = try batches.get(first.serial, in: transaction), batch.account == account
        else { return .refused(.corrections(.unknownPurchase(account, first))) }
        let serials = first.serial..<first.serial + batch.quantity
        let sequence = try head(in: transaction).lastSequence + 1
        func void(_ ranges: [CodeRange]) throws(StoreError) -> UInt64 {
            for range in ranges {
                let record = VoidRecord(quantity: range.quantity, sequence: sequence)
                try voided.put(range.first, record, in: transaction)
            }
            return ranges.reduce(0) { $0 + $1.quantity }
        }
        var quantity = try void(
            takeUnassigned(serials, of: account, batch.package, in: transaction))
        var assigned: UInt64 = 0
        for key in try products(of: account, in: transaction) {
            let back = try takeReturned(serials, of: key, in: transaction)
            let cut = try cutLots(of: key, in: transaction) { serials.contains($0.first.serial) }
            assigned += try void(back + cut)
            if !back.isEmpty || !cut.isEmpty { try forgetPackage(of: key, in: transaction) }
        }
        quantity += assigned
        guard quantity > 0 else { return .refused(.corrections(.nothingToVoid)) }
        var holding = try holding(of: account, batch.package, in: transaction)
        holding.assigned -= assigned
        holding.voided += quantity
        try holdings.put(KeyPair(account, batch.package), holding, in: transaction)
        batch.voided += quantity
        try batches.put(first.serial, batch, in: transaction)
        return try record(
            .purchaseVoided(account, package: batch.package, quantity: quantity, first: first),
            cause, command, in: transaction)
    }

    private func voidAssignment(
        _ account: AccountID,
        _ sequence: UInt64,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let place = KeyPair(account, sequence)
        guard var assignment = try assignments.get(place, in: transaction) else {
            return .refused(.corrections(.unknownAssignment(account, sequence)))
        }
        guard try existing(assignment.product, in: transaction) != nil else {
            return .refused(.corrections(.nothingToVoid))
        }
        let cut = try cutLots(of: assignment.product, in: transaction) { lot in
            // Lots of an earlier format don't say which assignment brought them.
            lot.assignment == sequence
                || (lot.assignment == nil && lot.at == assignment.at
                    && lot.package == assignment.package)
        }
        let quantity = cut.reduce(0) { $0 + $1.quantity }
        guard quantity > 0 else { return .refused(.corrections(.nothingToVoid)) }
        try forgetPackage(of: assignment.product, in: transaction)
        for range in cut {
            try unassigned.put(
                KeyTriple(account, assignment.package, range.first),
                RangeRecord(quantity: range.quantity),
                in: transaction
            )
        }
        var holding = try holding(of: account, assignment.package, in: transaction)
        holding.assigned -= quantity
        try holdings.put(KeyPair(account, assignment.package), holding, in: transaction)
        assignment.voided += quantity
        try assignments.put(place, assignment, in: transaction)
        return try record(
            .assignmentVoided(
                account, product: assignment.product, package: assignment.package,
                quantity: quantity, sequence: sequence),
            cause, command, in: transaction)
    }

    /// Codes of a batch, consecutive ones.
    typealias CodeRange = (first: UInt64, quantity: UInt64)

    /// The codes of a lot that are not void. Those that were given back and voided then are among the
    /// consumed ones, so they stay in its range.
    func living(
        _ lot: LotRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [CodeRange] {
        var next = lot.first.serial
        let (sum, isDamaged) = next.addingReportingOverflow(lot.quantity)
        let end = isDamaged ? .max : sum
        var ranges: [CodeRange] = []
        try voided.forEach(in: transaction, from: .including(next), to: .excluding(end)) {
            first, void in
            if first > next { ranges.append((next, first - next)) }
            next = first &+ void.quantity
            return .proceed
        }
        if next < end { ranges.append((next, end - next)) }
        return ranges
    }

    /// The account's unassigned codes among `serials`, which are a batch's.
    private func takeUnassigned(
        _ serials: Range<UInt64>,
        of account: AccountID,
        _ package: PackageID,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [CodeRange] {
        var found: [CodeRange] = []
        try unassigned.forEach(
            in: transaction,
            prefix: KeyPair(account, package),
            from: .including(KeyTriple(account, package, serials.lowerBound)),
            to: .excluding(KeyTriple(account, package, serials.upperBound))
        ) { key, range in
            found.append((key.third, range.quantity))
            return .proceed
        }
        for range in found {
            try unassigned.delete(KeyTriple(account, package, range.first), in: transaction)
        }
        return found
    }

    /// The codes among `serials` that the product had consumed, and has again.
    private func takeReturned(
        _ serials: Range<UInt64>,
        of key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [CodeRange] {
        var back: [CodeRange] = []
        try returned.forEach(
            in: transaction, prefix: key,
            from: .including(KeyPair(key, serials.lowerBound)),
            to: .excluding(KeyPair(key, serials.upperBound))
        ) { place, _ in
            back.append((place.second, 1))
            return .proceed
        }
        if back.isEmpty { return [] }
        for code in back { try returned.delete(KeyPair(key, code.first), in: transaction) }
        var pool = try pool(of: key, in: transaction)
        pool.returned -= UInt32(back.count)
        pool.assigned -= UInt64(back.count)
        try pools.put(key, pool, in: transaction)
        try countLost(UInt64(back.count), of: key, in: transaction)
        return back
    }

    /// Takes from a product's lots that `isMeant` what it has not consumed of them. The lots stay, as
    /// short as they have become.
    private func cutLots(
        of key: ProductKey,
        in transaction: borrowing WriteTransaction,
        _ isMeant: (LotRecord) -> Bool
    ) throws(StoreError) -> [CodeRange] {
        var pool = try pool(of: key, in: transaction)
        var cut: [(place: KeyPair<ProductKey, UInt32>, lot: LotRecord, left: UInt64)] = []
        try lots.forEach(
            in: transaction, prefix: key, from: .including(KeyPair(key, pool.lot))
        ) { place, lot in
            let left = place.second == pool.lot ? pool.lotRemaining : lot.quantity
            if left > 0, isMeant(lot) { cut.append((place, lot, left)) }
            return .proceed
        }
        var ranges: [CodeRange] = []
        for (place, lot, left) in cut {
            let kept = lot.quantity - left
            try lots.put(place, lot.cut(to: kept), in: transaction)
            if place.second == pool.lot { pool.lotRemaining = 0 }
            pool.assigned -= left
            ranges.append((lot.first.serial + kept, left))
        }
        guard !ranges.isEmpty else { return [] }
        try pools.put(key, pool, in: transaction)
        try countLost(ranges.reduce(0) { $0 + $1.quantity }, of: key, in: transaction)
        return ranges
    }

    private func countLost(
        _ codes: UInt64,
        of key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let product = try products.get(key, in: transaction) else {
            throw .malformed(what: "pool of \(key) without a product")
        }
        try countCodes(of: product, lost: codes, in: transaction)
    }

    /// A package goes with the last of the codes that brought it (rule A11): the product's own with the
    /// bought ones, that of its free codes with those.
    private func forgetPackage(
        of key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let product = try products.get(key, in: transaction) else { return }
        let isOfFree = product.packageOrigin == .freeCodes
        var keepsOwn = product.packageOrigin != .codes
        var keepsFree = product.freePackage == nil
        if keepsOwn && keepsFree { return }
        try lots.forEach(in: transaction, prefix: key) { (_, lot) throws(StoreError) in
            if try living(lot, in: transaction).isEmpty { return .proceed }
            switch try purchase(of: lot.first, in: transaction)?.record.source {
            case .purchase, nil: keepsOwn = true
            case .grant: keepsFree = true
            }
            return keepsOwn && keepsFree ? .stop : .proceed
        }
        var new = product
        if !keepsFree {
            new.freePackage = nil
            new.freeAllowance = nil
        }
        if !keepsOwn || (isOfFree && !keepsFree) {
            new.package = new.freePackage
            new.packageOrigin = new.package == nil ? .named : .freeCodes
            new.allowance = nil
            if let package = new.package {
                new.allowance = try allowance(of: package, in: transaction)
            }
        }
        if new != product { try products.put(key, new, in: transaction) }
    }

    // MARK: Codes that are

    /// The code goes back to the product, and is consumed before any other.
    private func voidConsumption(
        _ identity: DeviceIdentity,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(identity.product, in: transaction) else {
            return .refused(.products(.unknown(identity.product)))
        }
        guard let device = try device(identity, in: transaction) else {
            return .refused(.devices(.unknown(identity)))
        }
        guard let entitlement = device.entitlement else {
            return .refused(.corrections(.nothingConsumed(identity)))
        }
        let place = KeyTriple(
            identity.product, entitlement.activatedAt, entitlement.code.serial)
        let consumption = try entry(at: place, in: transaction)
        let sequence = try head(in: transaction).lastSequence + 1
        try consumptions.delete(place, in: transaction)
        try expiries.delete(
            KeyTriple(identity.product, entitlement.expiresAt, entitlement.code.serial),
            in: transaction)
        try voidedConsumptions.put(
            KeyTriple(identity.product, entitlement.code.serial, sequence),
            VoidedConsumptionRecord(
                activatedAt: entitlement.activatedAt, consumption: consumption),
            in: transaction)

        var pool = try pool(of: identity.product, in: transaction)
        let after = try withoutLatest(device, of: identity, command, in: transaction)
        try replace(device, with: after, of: identity, pool: &pool, in: transaction)
        pool.consumed -= 1
        pool.returned += 1
        try pools.put(identity.product, pool, in: transaction)
        try returned.put(
            KeyPair(identity.product, entitlement.code.serial), EmptyRecord(), in: transaction)
        try countCodes(of: product, returned: 1, in: transaction)
        return try record(
            .consumptionVoided(identity, entitlement), cause, command, in: transaction)
    }

    /// Return and repair: nothing is consumed, and the device that had it is inactive (rule B17).
    private func move(
        _ identity: DeviceIdentity,
        _ key: DeviceKey,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let other = DeviceIdentity(product: identity.product, device: key)
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.products(.unknown(identity.product)))
        }
        guard let old = try device(identity, in: transaction) else {
            return .refused(.devices(.unknown(identity)))
        }
        guard let new = try device(other, in: transaction), new.isRegistered else {
            return .refused(.devices(.unknown(other)))
        }
        if new.isDisabled { return .refused(.devices(.disabled(other))) }
        let now = try time(at: command.at, in: transaction).time
        if let held = new.entitlement, held.runs(at: now) {
            return .refused(.devices(.entitlementRuns(until: held.expiresAt)))
        }
        guard let entitlement = old.entitlement, entitlement.runs(at: now) else {
            return .refused(.corrections(.nothingRuns(identity)))
        }
        let place = KeyTriple(
            identity.product, entitlement.activatedAt, entitlement.code.serial)
        let consumption = try entry(at: place, in: transaction)
        let moved = Entitlement(
            code: entitlement.code, period: new.codesConsumed + 1,
            activatedAt: entitlement.activatedAt, expiresAt: entitlement.expiresAt,
            cause: entitlement.cause)
        try consumptions.put(
            place, consumption.moved(to: key, period: moved.period), in: transaction)
        if let past = new.entitlement {
            try periods.put(
                KeyPair(other, past.period),
                PeriodRecord(activatedAt: past.activatedAt, code: past.code),
                in: transaction)
        }
        let before = try withoutLatest(old, of: identity, command, in: transaction)
        try replace(old, with: before, of: identity, in: transaction)
        var after = new
        after.entitlement = moved
        after.isOpen = true
        try replace(new, with: after, of: other, in: transaction)
        return try record(
            .entitlementMoved(identity, to: key, moved), cause, command, in: transaction)
    }

    /// The device as it is without its latest entitlement: with the one before, if it had one, which may
    /// run still. `nil` when nothing is left to be kept of it.
    private func withoutLatest(
        _ device: DeviceRecord,
        of identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> DeviceRecord? {
        var new = device
        new.entitlement = nil
        new.isOpen = false
        if device.codesConsumed > 1 {
            let key = KeyPair(identity, device.codesConsumed - 1)
            guard let past = try periods.get(key, in: transaction) else {
                throw .malformed(what: "\(identity) without its period \(key.second)")
            }
            try periods.delete(key, in: transaction)
            let place = KeyTriple(identity.product, past.activatedAt, past.code.serial)
            let entry = try entry(at: place, in: transaction)
            let entitlement = Self.activation(at: place, entry).entitlement
            new.entitlement = entitlement
            new.isOpen = entitlement.runs(at: try time(at: command.at, in: transaction).time)
        }
        return new.isWorthKeeping ? new : nil
    }

    // MARK: Top-up packs

    /// What holders have of it comes back to it, and is void then.
    private func voidTopUp(
        _ account: AccountID,
        _ id: UInt64,
        _ cause: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        // A pack's id is the number of the event that has entered it.
        guard case .topUps(let made) = try events.get(id, in: transaction)?.change,
            case .entered = made.entry, made.pack.account == account
        else { return .refused(.corrections(.unknownTopUp(account, id))) }
        let place = made.pack
        let pack = try topUp(at: place, in: transaction)
        let units = pack.counters.remaining
        guard units > 0, !place.hasExpired(at: try time(at: command.at, in: transaction).time)
        else {
            return .refused(.corrections(.nothingToVoid))
        }
        try withdraw(units, of: pack, at: place, as: \.voided, in: transaction)
        let outcome = try record(
            .topUpVoided(place, units: units), cause, command, in: transaction)
        try listChange(of: place, in: transaction)
        return outcome
    }
}
