# pragma version >=0.4.0
interface Self:
    def work(n: uint256) -> uint256: nonpayable
    def mint(to: address, amount: uint256): nonpayable

event Moved:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256
balances: public(HashMap[address, uint256])
items: DynArray[uint256, 64]
total: public(int256)

@external
def mint(to: address, amount: uint256):
    self.balances[to] += amount

@external
def move(to: address, amount: uint256) -> bool:
    self.balances[msg.sender] -= amount
    self.balances[to] += amount
    log Moved(sender=msg.sender, to=to, amount=amount)
    return True

@external
def work(n: uint256) -> uint256:
    x: uint256 = 7
    a: DynArray[uint256, 32] = []
    for i: uint256 in range(n, bound=32):
        x = x * 1103515245 % 2147483648 + i
        a.append(x)
    for i: uint256 in range(31):
        for j: uint256 in range(31):
            if j + 1 < len(a) and a[j] > a[j + 1]:
                t: uint256 = a[j]
                a[j] = a[j + 1]
                a[j + 1] = t
    s: int256 = 0
    for v: uint256 in a:
        s += convert(v, int256) // -3 % 1000 - 5
    self.total += s
    self.items = a
    return self.sum(a)

@internal
def sum(a: DynArray[uint256, 32]) -> uint256:
    r: uint256 = 0
    for v: uint256 in a:
        r = unsafe_add(r, isqrt(v)) ^ convert(keccak256(convert(v, bytes32)), uint256)
    return r

@external
@view
def text(a: String[100]) -> String[220]:
    return concat(a, "-", a)

@external
def outer(n: uint256) -> uint256:
    r: uint256 = extcall Self(self).work(n)
    extcall Self(self).mint(msg.sender, r % 1000)
    return r + self.balances[msg.sender]

