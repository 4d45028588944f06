import { pictureFile } from "../../../shared/picture/file";
import type { Picture } from "../../../shared/take";
import type { Core } from "../view";

declare const __BUILD__: string;
export const build = __BUILD__;

/** The figure as a file. */
const picture: Picture<Core> = (core, ...how) => pictureFile(core, ...how);
export default picture;
