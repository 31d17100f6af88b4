// hardhat-network-helpers 1 on Hardhat 2: its functions are the package's own.

import { createRequire } from "node:module";
import hre from "hardhat";
import { tryHelpers } from "./network_helpers.mjs";

const helpers = createRequire(import.meta.url)("@nomicfoundation/hardhat-network-helpers");
await tryHelpers(helpers, hre.network.provider);
