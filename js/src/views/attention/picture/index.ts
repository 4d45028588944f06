import { pictureFile } from "../../../shared/picture/file";
import type { Picture } from "../../../shared/take";
import { NO_HOVER } from "../state";
import type { Core } from "../view";

declare const __BUILD__: string;
export const build = __BUILD__;

/** The explorer as a file; what is under the pointer does not go with it. */
const picture: Picture<Core> = (core, ...how) => {
	core.acts.set({ hover: NO_HOVER });
	return pictureFile(core, ...how);
};
export default picture;
