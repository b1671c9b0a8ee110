import { exportBrainVision } from './export-brainvision.js';
import { exportCsv } from './export-csv.js';
import { exportMat } from './export-mat.js';
import { exportParquet } from './export-parquet.js';
import { exportPhy } from './export-phy.js';
import type { Exporter, ExportFormat } from './exporter.js';
import { exportNwb } from './nwb/export-nwb.js';

/** The exporter of each format. */
export const EXPORTERS: Readonly<Record<ExportFormat, Exporter>> = {
  nwb: exportNwb,
  phy: exportPhy,
  mat: exportMat,
  parquet: exportParquet,
  brainvision: exportBrainVision,
  csv: exportCsv,
};
