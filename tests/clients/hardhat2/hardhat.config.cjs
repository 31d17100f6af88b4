module.exports = {
  solidity: "0.8.28",
  networks: { dex: { url: process.env.EVM_DEX_URL } },
};
