import type { TokenInfo } from "../../contract.gen";

export type At = readonly [row: number, column: number];

/** A token is drawn as the model's word, a string as a label of ours. */
export type Label = TokenInfo | string;

/** Names along the columns: one line of them, or several. */
export interface Line {
	/** Of the line, left of its first name. */
	name?: string;
	/** One a column; null: none. */
	labels: readonly (Label | null)[];
	dim?: boolean;
	/** Columns whose name is underlined. */
	under?: readonly boolean[];
}

export interface GridData {
	/** Top row first. */
	rows: readonly string[];
	/** From the cells outwards; where they stand slanted, only the first is drawn. */
	lines: readonly Line[];
	columnsAt: "top" | "bottom";
	/**
	 * Row by row, −1…1 or 0…1: shares of the scale's end. NaN: hatched, not run.
	 * MASKED (shared/pixels): bare paper.
	 */
	levels: Float32Array;
	signed: boolean;
	/** Inside of cells that have room for it; a token at the left, a string in the middle. */
	text?(row: number, column: number): Label | null;
	/** Pixels a cell needs before its words are drawn; 44. */
	wordWidth?: number;
	/** Pixels; 26. */
	cellHeight?: number;
	/** Pixels; below it the grid scrolls sideways. Without, columns are pooled below 4. */
	leastWidth?: number;
	/** Pixels; 64. */
	mostWidth?: number;
}

export interface GridMarks {
	selected: readonly At[];
	/** Rows and columns that are selected without a cell: their names are marked. */
	rows?: readonly number[];
	columns?: readonly number[];
	/** Numbered from `firstPin` (1) in this order. */
	pins?: readonly At[];
	firstPin?: number;
	cursor?: At | null;
	hover?: At | null;
	/** Doubtful cells: dashed. */
	dashed?: readonly At[];
}

export interface GridActs {
	hover(at: At | null): void;
	press(at: At, event: MouseEvent): void;
	/** An arrow key: rows and columns to move the cursor by. */
	move(by: At, event: KeyboardEvent): void;
	/** A row's or a column's name was clicked. */
	name?(kind: "row" | "column", index: number, event: MouseEvent): void;
}
