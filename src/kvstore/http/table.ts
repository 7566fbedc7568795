/**
 * All routes: what is served, and what the OpenAPI document is made from.
 */
import { BACKUP_ROUTES } from './backup-routes.ts';
import { BULK_ROUTES } from './bulk-routes.ts';
import { CHANGE_ROUTES } from './change-routes.ts';
import { KV_ROUTES } from './kv-routes.ts';
import { type Route } from './route.ts';
import { SESSION_ROUTES } from './session-routes.ts';

export const ROUTES: readonly Route[] = [
  ...KV_ROUTES,
  ...BULK_ROUTES,
  ...SESSION_ROUTES,
  ...CHANGE_ROUTES,
  ...BACKUP_ROUTES,
];
