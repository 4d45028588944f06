import { pictureFile } from "../../../shared/picture/file";
import type { Picture } from "../../../shared/take";
import type { Core } from "../scene";

declare const __BUILD__: string;
export const build = __BUILD__;

/** The grid as a file. */
const picture: Picture<Core> = (core, ...how) => pictureFile(core, ...how);
export default picture;
