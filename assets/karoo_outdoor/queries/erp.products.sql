-- One row per item; availability is what is on hand less what the ERP's own documents have promised.
SELECT
    i.style,
    i.stock_id,
    i.code,
    i.description,
    i.long_text,
    i.category,
    i.colour,
    i.size,
    CASE WHEN i.size IS NULL THEN NULL ELSE 'Colour' END AS axis1,
    CASE WHEN i.size IS NULL THEN NULL ELSE 'Size' END AS axis2,
    i.barcode,
    i.price_incl,
    i.price_trade,
    i.mass_kg,
    i.web_status,
    i.buyer_note,
    COALESCE((SELECT SUM(s.on_hand) FROM stock AS s WHERE s.stock_id = i.stock_id), 0)
    - COALESCE((SELECT SUM(l.qty) FROM sales_order_line AS l WHERE l.item_code = i.code), 0) AS available
FROM item AS i
ORDER BY i.stock_id
