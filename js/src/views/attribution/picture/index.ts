import { pictureFile } from "../../../shared/picture/file";
import type { Picture } from "../../../shared/take";
import type { Core } from "../view";

declare const __BUILD__: string;
export const build = __BUILD__;

/** The bars as a file; what is under the pointer does not go with it. */
const picture: Picture<Core> = (core, ...how) => {
	core.dispatch({ type: "hover", row: null });
	return pictureFile(core, ...how);
};
export default picture;
