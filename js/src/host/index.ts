import { isRecord } from "../shared/rpc";
import { mountAll } from "./page";

// The host of an exported page: restores saved views without a kernel and without a network.
const source = document.getElementById("iw-page")?.textContent;
if (source) {
	const page: unknown = JSON.parse(source);
	if (isRecord(page)) void mountAll(page);
}
