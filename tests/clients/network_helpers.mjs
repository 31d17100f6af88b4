// Every helper of hardhat-network-helpers, in either major: what it does to the node.

import assert from "node:assert/strict";

const STRANGER = `0x${"a1".repeat(20)}`;
const CONTRACT = `0x${"a2".repeat(20)}`;
const WORD = 2n ** 255n + 7n;
const ETHER = 10n ** 18n;
// Not helpers, but how some are made.
const OF_THE_CLASS = ["constructor", "throwIfNotDevelopmentNetwork"];

function namesOf(object) {
  const own = Object.keys(object);
  const kept = own.length > 1 ? own : Object.getOwnPropertyNames(Object.getPrototypeOf(object));
  return [...new Set([...own, ...kept])].filter((it) => !OF_THE_CLASS.includes(it)).sort();
}

export async function tryHelpers(helpers, provider) {
  const { time } = helpers;
  const ask = (method, ...params) => provider.request({ method, params });
  const block = () => ask("eth_getBlockByNumber", "latest", false);
  const height = async () => Number(await ask("eth_blockNumber"));
  const [owner, other] = await ask("eth_accounts");
  const pay = (from = owner) => ask("eth_sendTransaction", { from, to: other, value: "0x1" });
  const refusal = (call) => call.then(assert.fail, (error) => String(error.message));

  const OF_TIME = {
    async latest() {
      assert.equal(await time.latest(), Number((await block()).timestamp));
    },
    async latestBlock() {
      assert.equal(await time.latestBlock(), await height());
    },
    async increase() {
      const before = await time.latest();
      assert.equal(await time.increase(420), before + 420);
    },
    async increaseTo() {
      const wanted = (await time.latest()) + 300;
      await time.increaseTo(wanted);
      assert.equal(await time.latest(), wanted);
    },
    async setNextBlockTimestamp() {
      const wanted = (await time.latest()) + 1_000;
      await time.setNextBlockTimestamp(wanted);
      await pay();
      assert.equal(await time.latest(), wanted);
    },
    async advanceBlock() {
      const before = await height();
      assert.equal(await time.advanceBlock(2), before + 2);
    },
    async advanceBlockTo() {
      const wanted = (await height()) + 2;
      await time.advanceBlockTo(wanted);
      assert.equal(await height(), wanted);
    },
    duration: () => assert.equal(time.duration.days(2), 172_800),
  };

  async function funded() {
    await helpers.setBalance(STRANGER, 5n * ETHER);
    return { at: await height() };
  }

  const TRIED = {
    async mine() {
      const [before, since] = [await height(), await time.latest()];
      await helpers.mine(3, { interval: 60 });
      assert.equal(await height(), before + 3);
      assert.ok((await time.latest()) >= since + 120);
    },
    async mineUpTo() {
      const wanted = (await height()) + 4;
      await helpers.mineUpTo(wanted);
      assert.equal(await height(), wanted);
    },
    async setBalance() {
      await helpers.setBalance(STRANGER, 3n * ETHER);
      assert.equal(BigInt(await ask("eth_getBalance", STRANGER, "latest")), 3n * ETHER);
    },
    async setNonce() {
      await helpers.setNonce(STRANGER, 12);
      assert.equal(await ask("eth_getTransactionCount", STRANGER, "latest"), "0xc");
    },
    async setCode() {
      await helpers.setCode(CONTRACT, "0x60016000");
      assert.equal(await ask("eth_getCode", CONTRACT, "latest"), "0x60016000");
    },
    async setStorageAt() {
      await helpers.setStorageAt(CONTRACT, 3, WORD);
      assert.equal(BigInt(await ask("eth_getStorageAt", CONTRACT, "0x3", "latest")), WORD);
    },
    async getStorageAt() {
      await helpers.setStorageAt(CONTRACT, 4, 5);
      assert.equal(BigInt(await helpers.getStorageAt(CONTRACT, 4)), 5n);
      assert.equal(BigInt(await helpers.getStorageAt(CONTRACT, 4, (await height()) - 1)), 0n);
    },
    async impersonateAccount() {
      await helpers.impersonateAccount(STRANGER);
      const { status } = await ask("eth_getTransactionReceipt", await pay(STRANGER));
      assert.equal(status, "0x1");
    },
    async stopImpersonatingAccount() {
      await helpers.stopImpersonatingAccount(STRANGER);
      assert.match(await refusal(pay(STRANGER)), /account/);
    },
    async setCoinbase() {
      await helpers.setCoinbase(STRANGER);
      await helpers.mine();
      assert.equal((await block()).miner, STRANGER);
    },
    async setBlockGasLimit() {
      await helpers.setBlockGasLimit(20_000_000);
      await helpers.mine();
      assert.equal(Number((await block()).gasLimit), 20_000_000);
      await helpers.setBlockGasLimit(30_000_000);
    },
    async setNextBlockBaseFeePerGas() {
      await helpers.setNextBlockBaseFeePerGas(1_234_567);
      await helpers.mine();
      assert.equal(Number((await block()).baseFeePerGas), 1_234_567);
    },
    async setPrevRandao() {
      await helpers.setPrevRandao(99);
      await helpers.mine();
      assert.equal(BigInt((await block()).mixHash), 99n);
    },
    async dropTransaction() {
      await ask("evm_setAutomine", false);
      const hash = await pay();
      assert.equal(await helpers.dropTransaction(hash), true);
      await helpers.mine();
      assert.equal((await block()).transactions.length, 0);
      await ask("evm_setAutomine", true);
    },
    async takeSnapshot() {
      const [before, taken] = [await height(), await helpers.takeSnapshot()];
      for (let again = 0; again < 2; again++) {
        await helpers.mine();
        await taken.restore();
        assert.equal(await height(), before);
      }
    },
    async loadFixture() {
      const { at } = await helpers.loadFixture(funded);
      await helpers.mine(2);
      assert.deepEqual(await helpers.loadFixture(funded), { at });
      assert.equal(await height(), at);
    },
    clearSnapshots: () => helpers.clearSnapshots(),
    async reset() {
      assert.match(await refusal(helpers.reset("http://127.0.0.1:1")), /there is no connection/);
      await helpers.reset();
      assert.equal(await height(), 0);
    },
    async time() {
      for (const name of namesOf(time)) await OF_TIME[name]();
    },
  };
  const [names, order] = [namesOf(helpers), Object.keys(TRIED)];
  names.sort((one, another) => order.indexOf(one) - order.indexOf(another));
  for (const name of names) {
    await TRIED[name]();
    console.log(`tried ${name}`);
  }
}
