import { defineConfig } from "vitest/config";

export default defineConfig({
	define: { __BUILD__: JSON.stringify("test") },
	test: {
		environment: "happy-dom",
		include: ["test/**/*.test.ts"],
		css: false,
		testTimeout: 30_000, // nothing is timed, and a machine may be busy
	},
});
