import Determinism
import Storage

/// A row with a mutable part.
struct Account: Record, Hashable {
    static let table = Table(
        "accounts", rank: 3, key: [.organization, .text("name")], fixed: ["owner"], mutable: ["balance"])

    var organization: Int64 = 1
    var name: String
    var owner = "nobody"
    var balance: Int64

    init(_ name: String, _ balance: Int64, owner: String = "nobody") {
        (self.name, self.balance, self.owner) = (name, balance, owner)
    }
    static func key(_ name: String) -> Key<Account> { Key(organization: 1, text: name) }
    var key: Key<Account> { Key(organization: organization, text: name) }

    init(from row: any ColumnReader) throws {
        organization = try row.integer()
        name = try row.text()
        owner = try row.text()
        balance = try row.integer()
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(name)
        row.text(owner)
        row.integer(balance)
    }
}

/// A row that is only ever inserted.
struct Booking: Record, Hashable {
    static let table = Table("bookings", rank: 9, key: [.organization, .number("number")], fixed: ["amount"])

    let organization: Int64
    let number: Int64
    let amount: Int64

    init(_ number: Int64, _ amount: Int64) { (organization, self.number, self.amount) = (1, number, amount) }
    var key: Key<Booking> { Key(organization: organization, number: number) }

    init(from row: any ColumnReader) throws {
        organization = try row.integer()
        number = try row.integer()
        amount = try row.integer()
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.integer(number)
        row.integer(amount)
    }
}

/// A command made of two closures.
struct ClosureCommand<Outcome: Sendable>: LaneCommand {
    var asked: @Sendable (WorkingSet) -> [Need] = { _ in [] }
    var decision: @Sendable (inout WorkingSet, Timestamp) -> Verdict<Outcome>

    func needs(_ loaded: WorkingSet) -> [Need] { asked(loaded) }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> { decision(&work, now) }
}

/// Adds to an account, which must be there and must not go below zero.
struct Deposit: LaneCommand {
    enum Outcome: Sendable, Hashable {
        case balance(Int64)
        case refused
    }
    var name: String
    var amount: Int64

    func needs(_ loaded: WorkingSet) -> [Need] { [.row(Account.key(name))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        guard var account = work[Account.key(name)] else { return .discard(.refused) }
        account.balance += amount
        work.put(account)
        work.append(Booking(account.balance, amount))
        return account.balance < 0 ? .discard(.refused) : .commit(.balance(account.balance))
    }
}
