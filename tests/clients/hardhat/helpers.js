// hardhat-network-helpers 3 on Hardhat 3: they come with a connection.

import { network } from "hardhat";
import { tryHelpers } from "./network_helpers.mjs";

const { networkHelpers, provider } = await network.create("dex");
// An object that makes itself when it is first used.
await networkHelpers.time.latest();
await tryHelpers(networkHelpers, provider);
