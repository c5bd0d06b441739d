/** Rises when the same rows render to other content: `publish --again` then makes revisions. */
export const rendererVersion = 1;
